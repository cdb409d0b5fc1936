// Live updates: the page without this script is complete, only older.
"use strict";

//! The counts of one series: minutes for the shorter windows, hours for the whole one.

//! The words of alerts: static summaries, and descriptions that say what, where, whose fault, how much budget, how long.

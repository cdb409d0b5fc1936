//! Where windows begin: the last so long, or the calendar month in a zone.

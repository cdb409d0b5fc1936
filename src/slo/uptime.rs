//! Ticks of several regions: good if a quorum of them succeeded.

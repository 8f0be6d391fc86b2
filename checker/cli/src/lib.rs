//! tl-check.

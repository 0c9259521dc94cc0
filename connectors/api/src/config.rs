//! Configuration: one definition per option.

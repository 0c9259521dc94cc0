//! Converters and transformations under inputs and configurations by chance: no panic, and nothing
//! that takes more memory or time than its size allows. `connect_testkit::fuzz` says how to go on
//! for as long as one likes.

mod converters;
mod records;
mod transforms;

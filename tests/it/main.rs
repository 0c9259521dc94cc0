//! Everything through the public doors, in one binary.
#![cfg(test)]

mod broker;

//! The one integration binary: the worker as its users meet it, on real services.
#![cfg(test)]

mod broker;
mod clients;
mod configs;
mod dead_letters;
mod figures;
mod harness;
mod house;
mod objects;
mod originals;
mod preview;
mod references;
mod registry;
mod rest;
mod services;
mod story;
mod takeover;

//! The one integration binary: the worker as its users meet it, on real services.
#![cfg(test)]

mod broker;
mod house;
mod services;

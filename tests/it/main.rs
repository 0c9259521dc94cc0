//! The one integration binary: the worker as its users meet it, on real services.
#![cfg(test)]

mod broker;
mod clients;
mod configs;
mod dead_letters;
mod extremes;
mod figures;
mod full_disk;
mod fuzz;
mod harness;
mod hdfs;
mod house;
mod jdbc;
mod manual;
mod mistakes;
mod objects;
mod originals;
mod preview;
mod references;
mod registry;
mod rest;
mod search;
mod services;
mod story;
mod takeover;
mod upload;
mod web;

//! Compresses each file as the S3 sink compresses an object: the same library and level, in pieces of
//! the same size. What comes out is thrown away.
//!
//! `compressor FILE…`

use std::{env, fs, io::Write as _};

use anyhow::{Context as _, Result, ensure};
use flate2::{Compression, write::GzEncoder};

/// What the sink collects before it compresses.
const PIECE_BYTES: usize = 16 << 10;

fn main() -> Result<()> {
    let paths: Vec<_> = env::args().skip(1).collect();
    ensure!(!paths.is_empty(), "usage: compressor FILE...");
    for path in paths {
        let content = fs::read(&path).with_context(|| format!("Could not read {path}"))?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        for piece in content.chunks(PIECE_BYTES) {
            encoder.write_all(piece)?;
        }
        let packed = encoder.finish()?;
        ensure!(!packed.is_empty(), "{path} came to nothing");
    }
    Ok(())
}

use std::io::Write as _;

use encoding_rs::{SHIFT_JIS, UTF_16BE, WINDOWS_1252};
use tempfile::TempDir;

use super::*;

fn text() -> String {
    (0..50_000).map(|number| format!("{number},line\n")).collect()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(text).unwrap();
    writer.finish().unwrap()
}

fn bzip(text: &[u8]) -> Vec<u8> {
    let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    writer.write_all(text).unwrap();
    writer.finish().unwrap()
}

fn lz4(text: &[u8]) -> Vec<u8> {
    let mut writer = lz4_flex::frame::FrameEncoder::new(Vec::new());
    writer.write_all(text).unwrap();
    writer.finish().unwrap()
}

/// An archive with these files, written by hand as by any packer: local headers, then a directory.
pub(crate) fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let mut packer =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(content).unwrap();
        let packed = packer.finish().unwrap();
        let mut checksum = flate2::Crc::new();
        checksum.update(content);
        let mut facts = Vec::new();
        for number in [20u16, 0, 8, 0, 0] {
            facts.extend(number.to_le_bytes());
        }
        for number in [
            checksum.sum(),
            u32::try_from(packed.len()).unwrap(),
            u32::try_from(content.len()).unwrap(),
        ] {
            facts.extend(number.to_le_bytes());
        }
        facts.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        facts.extend(0u16.to_le_bytes());
        let start = u32::try_from(archive.len()).unwrap();
        archive.extend(b"PK\x03\x04");
        archive.extend(&facts);
        archive.extend(name.as_bytes());
        archive.extend(packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&facts);
        directory.extend([0; 10]);
        directory.extend(start.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = u32::try_from(archive.len()).unwrap();
    let count = u16::try_from(files.len()).unwrap();
    let length = u32::try_from(directory.len()).unwrap();
    archive.extend(directory);
    archive.extend(b"PK\x05\x06\x00\x00\x00\x00");
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend(length.to_le_bytes());
    archive.extend(start.to_le_bytes());
    archive.extend([0, 0]);
    archive
}

fn read(name: &str, bytes: &[u8], encoding: &'static Encoding, from: u64) -> io::Result<String> {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let mut content = Content::open(File::open(&path).unwrap(), &path, encoding, 1000)?;
    content.skip(0, from)?;
    let mut out = Vec::new();
    loop {
        let bytes = content.fill_buf()?.to_vec();
        if bytes.is_empty() {
            return Ok(String::from_utf8(out).unwrap());
        }
        out.extend_from_slice(&bytes);
        content.consume(bytes.len());
    }
}

#[test]
fn every_packing_reads_from_any_position() {
    let text = text();
    let plain = text.as_bytes();
    let mut framed = snap::write::FrameEncoder::new(Vec::new());
    framed.write_all(plain).unwrap();
    for (name, bytes) in [
        ("a.csv", plain.to_vec()),
        ("a.csv.gz", gzip(plain)),
        ("padded.csv.gz", [gzip(plain), vec![0; 20_000]].concat()),
        ("parts.csv.gz", [gzip(&plain[..9]), gzip(&plain[9..]), vec![0]].concat()),
        ("a.csv.bz2", bzip(plain)),
        ("a.csv.lz4", lz4(plain)),
        ("a.csv.zst", zstd::stream::encode_all(plain, 1).unwrap()),
        ("a.csv.zip", zip(&[("a.csv", plain)])),
        ("a.csv.snappy", snap::raw::Encoder::new().compress_vec(plain).unwrap()),
        ("b.csv.snappy", framed.into_inner().unwrap()),
    ] {
        for from in [0, 7, 300_000, plain.len()] {
            let found = read(name, &bytes, UTF_8, from.try_into().unwrap()).unwrap();
            assert!(Some(found.as_str()) == text.get(from..), "{name} from {from}");
        }
        let beyond = read(name, &bytes, UTF_8, 10_000_000).unwrap_err();
        assert_eq!(beyond.kind(), ErrorKind::UnexpectedEof, "{name}");
    }
}

#[test]
fn archives_that_cannot_be_read_say_why() {
    for (name, bytes, reason) in [
        ("a.zip", zip(&[("a.csv", b"1"), ("b.csv", b"2")]), "several files"),
        ("a.zip", zip(&[]), "no file"),
        ("a.z", b"anything".to_vec(), "gzip"),
        ("a.snappy", b"\xff\xff\xff\xff\x0fx".to_vec(), "64 MiB"),
    ] {
        let error = read(name, &bytes, UTF_8, 0).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    let half = gzip(text().as_bytes());
    assert!(read("a.gz", &half[..half.len() / 2], UTF_8, 0).is_err());
    assert!(read("a.gz", b"no gzip", UTF_8, 0).is_err());
    assert!(read("a.gz", &[gzip(b"1"), b"\0rest".to_vec()].concat(), UTF_8, 0).is_err());
}

#[test]
fn every_encoding_becomes_utf_8() {
    let wide: Vec<u8> = "é,漢\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let marked: Vec<u8> = "\u{feff}é\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read("a.csv", b"\xe9,\x80\n", WINDOWS_1252, 0).unwrap(), "é,€\n");
    assert_eq!(read("a.csv", &wide, UTF_16BE, 0).unwrap(), "é,漢\n");
    assert_eq!(read("a.csv", &marked, UTF_16BE, 0).unwrap(), "é\n");
    assert_eq!(read("a.csv", b"\x8a\xbf\x8e", SHIFT_JIS, 0).unwrap(), "漢\u{fffd}");
    let long = vec![0xe9; 200_000];
    assert_eq!(read("a.csv.gz", &gzip(&long), WINDOWS_1252, 4).unwrap().chars().count(), 199_998);
}

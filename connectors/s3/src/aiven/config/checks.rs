//! What single options may say.

use super::zone;
use crate::config::endpoint;

pub(super) fn time_zone(text: &str) -> Result<(), String> {
    zone(text).map(drop)
}

pub(super) fn address(text: &str) -> Result<(), String> {
    let url = endpoint(text);
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    match rest {
        Some("") | None => Err("Must be an http or https address".to_owned()),
        Some(host) if host.contains(char::is_whitespace) => {
            Err("Must be an http or https address".to_owned())
        }
        Some(_) => Ok(()),
    }
}

pub(super) fn part_size(text: &str) -> Result<(), String> {
    match text.parse::<u64>() {
        Ok(0) | Err(_) => Err("Part size must be greater than 0".to_owned()),
        Ok(2_000_000_001..) => Err("Part size must be no more: 2000000000 bytes (2GB)".to_owned()),
        Ok(_) => Ok(()),
    }
}

/// The rules of S3, in the SDK's words.
pub(super) fn bucket_name(text: &str) -> Result<(), String> {
    let told = |reason: &str| Err(format!("Illegal bucket name: Bucket name should {reason}"));
    if !(3..=63).contains(&text.len()) {
        return told("be between 3 and 63 characters long");
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return told("not contain uppercase characters");
    }
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    if let Some(c) = text.chars().find(|&c| !is_allowed(c)) {
        return told(&format!("not contain '{c}'"));
    }
    let is_border = |c: char| "-.".contains(c);
    if text.starts_with(is_border) || text.ends_with(is_border) || text.contains("..") {
        return told("not begin or end with '-' or '.', nor have two '.' side by side");
    }
    Ok(())
}

//! What the machine says about this process, under the names that every Prometheus client uses.

use std::fs;

use super::page::{Labels, Page};

/// Adds the memory, processor time and open files of this process, where `/proc` tells.
pub fn add_process(page: &mut Page) {
    let none = Labels::default();
    if let Some(bytes) = resident_bytes() {
        let help = "Resident memory in bytes.";
        page.add("process_resident_memory_bytes", help, &none, bytes);
    }
    if let Some(seconds) = cpu_seconds() {
        let help = "Processor time spent in seconds.";
        page.add("process_cpu_seconds_total", help, &none, seconds);
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        let count = u32::try_from(files.count()).unwrap_or(u32::MAX);
        page.add("process_open_fds", "Open files.", &none, f64::from(count));
    }
}

/// `VmRSS` of `/proc/self/status`, which is in KiB.
fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0)
}

/// Time in user and system mode, fields 14 and 15 of `/proc/self/stat`, in ticks of 10 ms.
fn cpu_seconds() -> Option<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the name in brackets and may hold spaces.
    let (_name, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

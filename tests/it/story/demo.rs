//! `millrace demo`, as a stranger runs it.

use std::process::Command;

/// Runs the demo for a while in a folder; its standard output.
fn demo(folder: &std::path::Path, rate: &str, seconds: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_millrace"))
        .args(["demo", "--port", "0", "--rate", rate, "--for", seconds, "--dir"])
        .arg(folder)
        .output()
        .unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    assert_eq!(err, "", "somebody who runs it for the first time sees trouble");
    out.into_owned()
}

fn number(output: &str, label: &str) -> u64 {
    let line = output.lines().find(|line| line.starts_with(label)).expect(label);
    line.strip_prefix(label).unwrap().split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn the_demo_counts_the_same_everywhere_also_when_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = 0;
    for _run in 0..2 {
        let output = demo(folder.path(), "50", "2");
        let lines = number(&output, "lines written");
        // How many there are in two seconds is the machine's affair.
        assert!(lines > before, "{output}");
        before = lines;
        assert_eq!(number(&output, "records in the topic"), lines, "{output}");
        assert_eq!(number(&output, "records in S3 objects"), lines, "{output}");
        assert_eq!(number(&output, "counted by the aggregate"), lines, "{output}");
    }
}

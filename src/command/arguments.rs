//! What can be typed.

use std::path::PathBuf;

use chrono_tz::Tz;
use clap::{Args, Parser, Subcommand};

/// Kafka Connect without the JVM.
#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show the whole job at work: generator, worker, embedded log and S3, all in this process
    Demo(DemoArguments),
    /// Run a worker whose connectors come from files, as connect-standalone
    Standalone {
        /// Properties of the worker
        worker: PathBuf,
        /// Connectors to create: JSON or properties files
        connectors: Vec<PathBuf>,
    },
    /// Run a worker that keeps everything in topics, as connect-distributed
    Distributed {
        /// Properties of the worker
        worker: PathBuf,
    },
    /// Generate input
    Generate {
        #[command(subcommand)]
        what: Generate,
    },
    /// List the connectors, converters, transformations and predicates
    Plugins,
    /// Check a connector file without a worker
    Validate {
        /// JSON or properties file of one connector
        file: PathBuf,
    },
    /// Tell which records an object of a sink holds, and which bytes of which file they came from
    Trace(TraceArguments),
}

#[derive(Args, Debug)]
pub(super) struct TraceArguments {
    /// The object, as `s3://bucket/key`
    pub(super) place: String,
    /// JSON or properties file of the connector, for an answer without a worker
    #[arg(long, value_name = "FILE", conflicts_with = "connector")]
    pub(super) config: Option<PathBuf>,
    /// Address of the worker that runs the connector
    #[arg(long, default_value = "http://127.0.0.1:8083")]
    pub(super) url: String,
    /// Name of the connector on that worker
    #[arg(long, value_name = "NAME", required_unless_present = "config")]
    pub(super) connector: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct DemoArguments {
    /// Folder for everything the demo writes
    #[arg(long, default_value = "demo-data")]
    pub(super) dir: PathBuf,
    /// Port of the REST API on loopback; 0 takes a free one
    #[arg(long, default_value_t = 8083)]
    pub(super) port: u16,
    /// Lines a second
    #[arg(long, default_value_t = 10.0, value_parser = positive)]
    pub(super) rate: f64,
    /// Seconds after which it ends by itself
    #[arg(long = "for", value_name = "SECONDS", value_parser = positive)]
    pub(super) seconds: Option<f64>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Generate {
    /// Write an application log, DIR/yyyymmdd.log
    Logs(LogArguments),
    /// Write the log of a web server as JSON lines, DIR/yyyymmdd.log
    Web(LogArguments),
}

#[derive(Args, Debug)]
pub(super) struct LogArguments {
    /// Folder of the files
    #[arg(long, default_value = "logs")]
    pub(super) dir: PathBuf,
    /// Lines a second; `max` for as fast as the disk takes them
    #[arg(long, default_value = "10", value_parser = rate)]
    pub(super) rate: LineRate,
    /// Lines after which it ends
    #[arg(long)]
    pub(super) count: Option<u64>,
    /// Make history from this time on, at once: a date or an RFC 3339 time
    #[arg(long, requires = "to")]
    pub(super) from: Option<String>,
    /// End of the history, not included
    #[arg(long, requires = "from")]
    pub(super) to: Option<String>,
    /// Time zone of the file names and of the times in the lines
    #[arg(long, default_value = "UTC")]
    pub(super) timezone: Tz,
    /// Seed, for the same lines again; their times are the same with --from and --to
    #[arg(long)]
    pub(super) seed: Option<u64>,
}

/// Lines a second; none for as fast as possible.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineRate(pub(super) Option<f64>);

fn rate(text: &str) -> Result<LineRate, String> {
    if text == "max" { Ok(LineRate(None)) } else { positive(text).map(|rate| LineRate(Some(rate))) }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("it must be a number greater than 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}

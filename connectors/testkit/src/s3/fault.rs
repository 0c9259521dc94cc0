//! What can go wrong between a client and an S3 server, and which request it happens to.

use std::{collections::VecDeque, time::Duration};

use super::Operation;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not passed on; the answer has this status and this code.
    Answer(u16, &'static str),
    /// It is passed on; the answer has this status and this code all the same.
    AnswerAfter(u16, &'static str),
    /// It is not passed on; the answer is 200 with an error in its body.
    OkWithError,
    /// The connection is cut before it is passed on.
    Reset,
    /// It is passed on, and the connection is cut before the answer.
    ResetAfter,
    /// It is passed on, and the connection is cut in the middle of the answer's body.
    HalfAnswer,
    /// It is passed on after this time.
    Slow(Duration),
    /// It is not passed on, and nothing is answered until the proxy is healed: then it is cut.
    Silence,
    /// It is passed on, and nothing is answered until the proxy is healed: then it is cut.
    SilenceAfter,
}

impl Fault {
    /// None: it is passed on, and answered.
    pub const PASS: Self = Self::Slow(Duration::ZERO);
    /// The server fails.
    pub const INTERNAL_ERROR: Self = Self::Answer(500, "InternalError");
    /// The server has too much to do.
    pub const SLOW_DOWN: Self = Self::Answer(503, "SlowDown");
    /// The credentials have expired.
    pub const EXPIRED_TOKEN: Self = Self::Answer(400, "ExpiredToken");
    /// Our clock and the server's do not agree.
    pub const CLOCK_SKEW: Self = Self::Answer(403, "RequestTimeTooSkewed");
    /// The bucket was deleted.
    pub const NO_SUCH_BUCKET: Self = Self::Answer(404, "NoSuchBucket");
}

/// Which requests a fault happens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All.
    Any,
    /// Those that store something.
    Writes,
    /// Those of one operation.
    Of(Operation),
}

impl Which {
    fn has(self, operation: Operation) -> bool {
        match self {
            Self::Any => true,
            Self::Writes => operation.is_write(),
            Self::Of(one) => one == operation,
        }
    }
}

/// The faults to come.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// Each happens once, to the first request that it is meant for.
    once: VecDeque<(Which, Fault)>,
    /// Happens to every request that it is meant for, until it is taken away.
    always: Option<(Which, Fault)>,
}

impl Script {
    pub(super) fn add(&mut self, which: Which, faults: impl IntoIterator<Item = Fault>) {
        self.once.extend(faults.into_iter().map(|fault| (which, fault)));
    }

    pub(super) const fn set_always(&mut self, always: Option<(Which, Fault)>) {
        self.always = always;
    }

    pub(super) fn clear(&mut self) {
        self.once.clear();
        self.always = None;
    }

    pub(super) fn left(&self) -> usize {
        self.once.len()
    }

    /// What happens to the request at hand.
    pub(super) fn take(&mut self, operation: Operation) -> Option<Fault> {
        if let Some((_, fault)) = self.always.filter(|(which, _)| which.has(operation)) {
            return Some(fault);
        }
        let place = self.once.iter().position(|(which, _)| which.has(operation))?;
        self.once.remove(place).map(|(_, fault)| fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_in_their_order_to_those_they_are_meant_for() {
        let mut script = Script::default();
        script.add(Which::Of(Operation::UploadPart), [Fault::SLOW_DOWN, Fault::Reset]);
        script.add(Which::Writes, [Fault::INTERNAL_ERROR]);
        assert_eq!(script.take(Operation::GetObject), None);
        assert_eq!(script.take(Operation::PutObject), Some(Fault::INTERNAL_ERROR));
        assert_eq!(script.take(Operation::UploadPart), Some(Fault::SLOW_DOWN));
        script.set_always(Some((Which::Any, Fault::Silence)));
        assert_eq!(script.take(Operation::UploadPart), Some(Fault::Silence));
        script.set_always(None);
        assert_eq!((script.left(), script.take(Operation::UploadPart)), (1, Some(Fault::Reset)));
        assert_eq!(script.take(Operation::UploadPart), None);
    }
}

//! What ends a worker's sleep when nothing comes.
//!
//! A poll with a timeout sets the processor's timer and takes it back, each time that the worker goes to
//! sleep. In a virtual machine both are exits to its host, a microsecond each, and packets come long
//! before the timeout does. So the timer is a file descriptor in the poll: it is set once, and stays
//! set while packets wake the worker up.

use std::{
    io,
    time::{Duration, Instant},
};

use mio::Registry;

/// How late the alarm may be, as a poll's timeout is. What falls due meanwhile is done with it: hundreds
/// of legs have deadlines.
pub(super) const TOLERANCE: Duration = Duration::from_millis(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Alarm {
    timer: timer::Timer,
    /// When it rings, while it has not.
    set: Option<Instant>,
}

impl Alarm {
    pub(super) fn new(registry: &Registry) -> io::Result<Self> {
        Ok(Self { timer: timer::Timer::new(registry)?, set: None })
    }

    /// How long the poll may wait, at `now`, to be over soon after `due`; `None`: as long as it takes.
    pub(super) fn set(&mut self, now: Instant, due: Instant) -> io::Result<Option<Duration>> {
        let rest = due.saturating_duration_since(now);
        if rest.is_zero() {
            return Ok(Some(Duration::ZERO));
        }
        if self.set.is_some_and(|rings| rings <= due + TOLERANCE) {
            return Ok(None);
        }
        let steps = rest.as_nanos().div_ceil(TOLERANCE.as_nanos());
        let rest = TOLERANCE * u32::try_from(steps).unwrap_or(u32::MAX);
        let timeout = self.timer.set(rest)?;
        self.set = timeout.is_none().then_some(now + rest);
        Ok(timeout)
    }

    /// It has rung.
    pub(super) fn rang(&mut self) {
        self.set = None;
    }
}

#[cfg(target_os = "linux")]
mod timer {
    use std::{
        io,
        os::fd::{AsRawFd as _, OwnedFd},
        time::Duration,
    };

    use mio::{Interest, Registry, unix::SourceFd};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };

    use crate::worker::ALARM;

    #[derive(Debug)]
    pub(super) struct Timer(OwnedFd);

    impl Timer {
        pub(super) fn new(registry: &Registry) -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            registry.register(&mut SourceFd(&timer.as_raw_fd()), ALARM, Interest::READABLE)?;
            Ok(Self(timer))
        }

        /// Sets it to ring once; the poll needs no timeout.
        pub(super) fn set(&self, after: Duration) -> io::Result<Option<Duration>> {
            let never = Timespec { tv_sec: 0, tv_nsec: 0 };
            let after = Timespec {
                tv_sec: after.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: after.subsec_nanos().into(),
            };
            let time = Itimerspec { it_interval: never, it_value: after };
            timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &time)?;
            Ok(None)
        }
    }
}

/// Elsewhere the poll has a timeout.
#[cfg(not(target_os = "linux"))]
mod timer {
    use std::{io, time::Duration};

    use mio::Registry;

    #[derive(Debug)]
    pub(super) struct Timer;

    impl Timer {
        pub(super) fn new(_: &Registry) -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) fn set(&self, after: Duration) -> io::Result<Option<Duration>> {
            Ok(Some(after))
        }
    }
}

#[cfg(test)]
mod tests {
    use mio::{Events, Poll};

    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    /// Polls until something is due; whether the alarm rang.
    fn sleep(poll: &mut Poll, alarm: &mut Alarm, due: Instant) -> bool {
        let mut events = Events::with_capacity(1);
        let timeout = alarm.set(Instant::now(), due).unwrap();
        poll.poll(&mut events, timeout).unwrap();
        let rang = !events.is_empty();
        if rang {
            alarm.rang();
        }
        rang
    }

    #[test]
    fn polls_end_when_something_is_due_again_and_again() {
        let mut poll = Poll::new().unwrap();
        let mut alarm = Alarm::new(poll.registry()).unwrap();
        for _ in 0..3 {
            let due = Instant::now() + 3 * MILLI;
            sleep(&mut poll, &mut alarm, due);
            assert!(Instant::now() >= due);
        }
    }

    #[test]
    fn what_is_due_is_not_waited_for() {
        let poll = Poll::new().unwrap();
        let mut alarm = Alarm::new(poll.registry()).unwrap();
        let now = Instant::now();
        assert_eq!(alarm.set(now, now).unwrap(), Some(Duration::ZERO));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn alarm_that_rings_in_time_stays_as_it_is() {
        let poll = Poll::new().unwrap();
        let mut alarm = Alarm::new(poll.registry()).unwrap();
        let now = Instant::now();
        alarm.set(now, now + 10 * MILLI).unwrap();
        let set = alarm.set;
        assert_eq!(set, Some(now + 10 * MILLI));
        for later in [9, 10, 11, 500] {
            assert_eq!(alarm.set(now + MILLI, now + later * MILLI).unwrap(), None);
            assert_eq!(alarm.set, set);
        }
        alarm.set(now, now + 5 * MILLI - MILLI / 2).unwrap();
        assert_eq!(alarm.set, Some(now + 5 * MILLI));
    }

    #[test]
    fn alarm_set_anew_rings_at_the_earlier_time() {
        let mut poll = Poll::new().unwrap();
        let mut alarm = Alarm::new(poll.registry()).unwrap();
        let now = Instant::now();
        alarm.set(now, now + Duration::from_secs(3_600)).unwrap();
        assert!(sleep(&mut poll, &mut alarm, now + 3 * MILLI) || cfg!(not(target_os = "linux")));
    }
}

use std::net::IpAddr;

use dormouse_core::limits::{
    CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX, CONNECTIONS_PER_PRINCIPAL_MAX, RATE_PER_ADDRESS, RATE_PER_CONNECTION,
    RATE_PER_PRINCIPAL, SIGNALS_PER_SECOND,
};
use governor::clock::FakeRelativeClock;

use super::*;
use crate::identity::{Admission, Rates};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn numbered(n: usize) -> IpAddr {
    IpAddr::from(u32::try_from(n).unwrap().to_be_bytes())
}

fn admission() -> (Admission<FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    (Admission::with_clock(Rates::default(), clock.clone()), clock)
}

#[test]
fn case_15_one_address_holds_as_many_connections_as_it_may() {
    let (admission, _) = admission();
    for (same, other) in [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8:0:1::1")] {
        let mut held: Vec<_> = (0..CONNECTIONS_PER_ADDRESS_MAX).map(|_| admission.connect(ip(same)).unwrap()).collect();
        let full = admission.connect(ip(same)).err().unwrap();
        assert!(full.code == Code::TooManyConnections && full.retry_after.is_some());
        assert!(admission.connect(ip(other)).is_ok(), "others are not touched");
        held.pop();
        assert!(admission.connect(ip(same)).is_ok(), "one has gone");
    }
    assert_eq!(admission.sizes(), [0, 0, 0, 0], "nothing is kept of those who left");
}

#[test]
fn case_15_an_address_has_one_name() {
    for (a, b, same) in [
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true),
        ("2001:db8::1", "2001:db8:0:1::1", false),
        ("10.0.0.1", "::ffff:10.0.0.1", true),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", false),
    ] {
        let (admission, _) = admission();
        let _held = [a, b].map(|address| admission.connect(ip(address)).unwrap());
        assert_eq!(admission.sizes()[0], if same { 1 } else { 2 }, "{a} {b}");
    }
}

#[test]
fn case_15_one_host_holds_as_many_connections_as_it_may() {
    let (admission, _) = admission();
    let mut held: Vec<_> = (0..CONNECTIONS_MAX).map(|n| admission.connect(numbered(n)).unwrap()).collect();
    assert_eq!(code(admission.connect(ip("203.0.113.1"))), Some(Code::TooManyConnections));
    held.pop();
    assert!(admission.connect(ip("203.0.113.1")).is_ok());
}

#[test]
fn case_45_one_principal_holds_as_many_connections_as_it_may() {
    let (admission, _) = admission();
    let mut held: Vec<_> =
        (0..CONNECTIONS_PER_PRINCIPAL_MAX).map(|_| admission.enter(&session("acme", "ann")).unwrap()).collect();
    assert_eq!(code(admission.enter(&session("acme", "ann"))), Some(Code::TooManyConnections));
    assert!(admission.enter(&session("other", "ann")).is_ok(), "the same name in another tenant");
    held.pop();
    assert!(admission.enter(&session("acme", "ann")).is_ok());
}

/// At the rate all pass; the next is told how long to wait, rounded up, and passes after that.
fn check_rate(clock: &FakeRelativeClock, rate: u32, spend: impl Fn() -> Result<(), Failure>) {
    for n in 0..rate {
        assert_eq!(spend(), Ok(()), "{n}");
    }
    clock.advance(Duration::from_micros(100));
    let failure = spend().unwrap_err();
    assert_eq!(failure.code, Code::RateLimited);
    let wait = failure.retry_after.unwrap();
    assert_eq!(wait, u64::from((1000 / rate).max(1)));
    clock.advance(Duration::from_millis(wait));
    assert_eq!(spend(), Ok(()));
}

#[test]
fn each_rate_is_kept() {
    let (admission, clock) = admission();
    check_rate(&clock, RATE_PER_ADDRESS, || admission.request(ip("10.0.0.1")));
    check_rate(&clock, RATE_PER_PRINCIPAL, || admission.spend(&session("acme", "ann")));
    let (pace, other) = (admission.pace(), admission.pace());
    check_rate(&clock, RATE_PER_CONNECTION, || pace.frame());
    check_rate(&clock, SIGNALS_PER_SECOND, || pace.signal());
    assert_eq!(other.frame(), Ok(()), "each connection has its own");
}

#[test]
fn rates_are_forgotten_when_they_no_longer_matter() {
    let (admission, clock) = admission();
    for _ in 0..RATE_PER_ADDRESS {
        admission.request(ip("10.0.0.1")).unwrap();
    }
    admission.spend(&session("acme", "ann")).unwrap();
    clock.advance(Duration::from_millis(500));
    admission.sweep();
    assert_eq!(admission.sizes(), [0, 0, 1, 0], "the address is still limited, the principal is not");
    clock.advance(Duration::from_secs(1));
    admission.sweep();
    assert_eq!(admission.sizes(), [0, 0, 0, 0]);
}

#[test]
fn a_flood_of_addresses_fills_a_table_of_fixed_size() {
    let (admission, _) = admission();
    for n in 0..300_000 {
        let _ = admission.request(numbered(n));
    }
    let kept = admission.sizes()[2];
    assert!((60_000..=65_536).contains(&kept), "{kept}");
}

#[test]
fn it_runs_by_the_machines_clock() {
    let admission = Admission::default();
    assert_eq!((admission.request(ip("::1")), admission.pace().frame()), (Ok(()), Ok(())));
}

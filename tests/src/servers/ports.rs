//! Free ports of the loopback interface.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use super::ServerError;

/// Below the range from which Linux takes the local ports of outgoing connections (from 32768 on), so that a port
/// is still free when its server is started again.
const PORTS: Range<u16> = 15_000..32_000;
const TRIES: u64 = 200;

/// A port on which nobody listens at the moment.
///
/// Another process can take it before the caller does: who starts a server tries again with another port.
pub(super) fn free() -> Result<u16, ServerError> {
    let random = RandomState::new();
    let count = u64::from(PORTS.end - PORTS.start);
    (0..TRIES)
        .filter_map(|attempt| u16::try_from(random.hash_one(attempt) % count).ok())
        .map(|offset| PORTS.start + offset)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .ok_or_else(|| {
            ServerError::new(format!("no free port was found in {PORTS:?} on 127.0.0.1"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_can_be_listened_on() {
        // Another process can take a port in between, but not all of them.
        let ports: Vec<u16> = (0..10).map(|_| free().unwrap()).collect();
        assert!(ports.iter().all(|port| PORTS.contains(port)), "{ports:?}");
        let mut bound = ports.iter();
        assert!(bound.any(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()));
    }

    #[test]
    fn a_port_in_use_is_not_free() {
        let listeners: Vec<_> = (0..50)
            .filter_map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, free().unwrap())).ok())
            .collect();
        let port = |one: &TcpListener| one.local_addr().unwrap().port();
        let held: Vec<u16> = listeners.iter().map(port).collect();
        for _ in 0..1_000 {
            assert!(!held.contains(&free().unwrap()));
        }
    }
}

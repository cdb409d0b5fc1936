//! Whose process is at the other end of a loopback connection. The way out may carry credentials of a proxy, which no
//! other user of this machine is to use.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The tables of TCP sockets (proc(5)); one of IPv6 may connect to an IPv4 address.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];
/// How often they are read: a table that changes meanwhile may leave out a socket that is there all the time.
const READINGS: usize = 3;
/// `TCP_ESTABLISHED`. A socket that its process has closed already has no owner any more: 0 stands there.
const ESTABLISHED: &str = "01";
/// More than any row has (bytes).
const MAX_ROW: u64 = 1024;

/// Whether the socket at `peer` that is connected to `gate` is one of `user`'s. Where the machine has no such table (it
/// is no Linux) or does not show it, there is no telling: `true`.
pub(super) async fn belongs(peer: SocketAddr, gate: SocketAddr, user: u32) -> bool {
    tokio::task::spawn_blocking(move || look_up(peer, gate, user)).await.unwrap_or(false)
}

fn look_up(peer: SocketAddr, gate: SocketAddr, user: u32) -> bool {
    for _ in 0..READINGS {
        for path in TABLES {
            let found = match File::open(path) {
                Ok(table) => owner(BufReader::with_capacity(64 * 1024, table), peer, gate),
                Err(error) => match error.kind() {
                    ErrorKind::NotFound | ErrorKind::PermissionDenied if path == TABLES[0] => return true,
                    _ => Ok(None),
                },
            };
            if let Ok(Some(owner)) = found {
                return owner == user;
            }
        }
    }
    false
}

/// Who has the established connection from `local` to `remote`, by a table such as `/proc/net/tcp`.
fn owner(mut table: impl BufRead, local: SocketAddr, remote: SocketAddr) -> io::Result<Option<u32>> {
    let mut row = String::with_capacity(256);
    loop {
        row.clear();
        if io::Read::take(&mut table, MAX_ROW).read_line(&mut row)? == 0 {
            return Ok(None);
        }
        if let Some((from, to, owner)) = read_row(&row)
            && (from, to) == (local, remote)
        {
            return Ok(Some(owner));
        }
    }
}

/// Local and remote address, and the owner, of an established connection; `None` for other rows and the heading.
fn read_row(row: &str) -> Option<(SocketAddr, SocketAddr, u32)> {
    let mut fields = row.split_ascii_whitespace().skip(1);
    let (local, remote, state) = (fields.next()?, fields.next()?, fields.next()?);
    if state != ESTABLISHED {
        return None;
    }
    // Queues, timers and retransmissions are between.
    let owner = fields.nth(3)?.parse().ok()?;
    Some((read_address(local)?, read_address(remote)?, owner))
}

/// `0100007F:1F90`: words as the machine keeps them, in hexadecimal, and the port.
fn read_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word = |at: usize| Some(u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let ip: IpAddr = match address.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let mut octets = [0; 16];
            for (i, four) in octets.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&word(8 * i)?);
            }
            Ipv6Addr::from(octets).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a little-endian machine.
    #[cfg(target_endian = "little")]
    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:A1B2 0100007F:1F90 06 00000000:00000000 03:00001770 00000000     0        0 0 3 0000000000000000
   2: 0100007F:A1B3 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0000000000000000 20 4 30 10 -1
   3: 0100007F:1F90 0100007F:A1B3 01 00000000:00000000 00:00000000 00000000    33        0 4713 1 0000000000000000 20 4 30 10 -1
   4: 0100007F:A1B4 0100007F:1F90 05 00000000:00000000 00:00000000 00000000     0        0 0 1 0000000000000000 20 4 30 10 -1
  10: 0200007F:A1B3 0100007F:1F90 01 00000000:00000000 02:000000FA 00000000 65534        0 4714 2 0000000000000000 20 4 30 10 -1
";
    #[cfg(target_endian = "little")]
    const TABLE6: &str = "\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:A1B3 00000000000000000000000001000000:1F90 01 00000000:00000000 00:00000000 00000000     7        0 1 1 0000000000000000 20 4 30 10 -1
   1: 0000000000000000FFFF00000100007F:A1B5 0000000000000000FFFF00000100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 2 1 0000000000000000 20 4 30 10 -1
";

    #[cfg(target_endian = "little")]
    #[test]
    fn the_row_of_an_established_connection_names_its_owner() {
        let of = |table: &str, from: &str| {
            owner(table.as_bytes(), from.parse().unwrap(), "127.0.0.1:8080".parse().unwrap()).unwrap()
        };
        assert_eq!(of(TABLE, "127.0.0.1:41395"), Some(1000));
        assert_eq!(of(TABLE, "127.0.0.2:41395"), Some(65534));
        assert_eq!(of(TABLE, "127.0.0.1:41394"), None, "in TIME_WAIT: nobody's");
        assert_eq!(of(TABLE, "127.0.0.1:41396"), None, "in FIN_WAIT2: nobody's");
        assert_eq!(of(TABLE, "127.0.0.1:41398"), None);
        assert_eq!(of(TABLE6, "127.0.0.1:41397"), Some(1001));
        assert_eq!(of(TABLE6, "127.0.0.1:41395"), None, "::1 is another");
        assert_eq!(of("", "127.0.0.1:41395"), None);
    }

    #[test]
    fn broken_rows_are_nobodys() {
        for row in [
            "",
            "0:",
            "0: 0100007F:1F90 0100007F:1F90 01",
            "0: 0100007F:1F90 0100007F:1F90 01 0:0 0:0 0 -1 0 1",
            "0: 0100007F 0100007F:1F90 01 0:0 0:0 0 0 0 1",
            "0: 01é0007:1F90 0100007F:1F90 01 0:0 0:0 0 0 0 1",
            "0: 0100007F:1F901 0100007F:1F90 01 0:0 0:0 0 0 0 1",
            "0: 010000:1F90 0100007F:1F90 01 0:0 0:0 0 0 0 1",
        ] {
            assert_eq!(read_row(row), None, "{row}");
        }
    }

    #[tokio::test]
    async fn our_own_connections_are_ours() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gate = listener.local_addr().unwrap();
        let client = tokio::net::TcpStream::connect(gate).await.unwrap();
        let (_stream, peer) = listener.accept().await.unwrap();
        let user = rustix::process::geteuid().as_raw();
        assert!(belongs(peer, gate, user).await);
        assert!(!belongs(peer, gate, user + 1).await);
        // A socket of IPv6 is found as well.
        let socket = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None).unwrap();
        let mapped = SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), gate.port()));
        socket.connect(&mapped.into()).unwrap();
        let (_stream, peer) = listener.accept().await.unwrap();
        assert!(belongs(peer, gate, user).await && !belongs(peer, gate, user + 1).await);
        drop(client);
    }
}

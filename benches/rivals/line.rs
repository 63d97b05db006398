//! A line to the smarthost that holds back each byte, both ways, like the line to a provider far away. Its width has no
//! limit.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A port that leads to the smarthost.
pub(crate) struct Line {
    port: u16,
}

impl Line {
    /// A line on which a byte takes `delay` each way.
    pub(crate) fn start(to: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                thread::spawn(move || drop(carry(&client, to, delay)));
            }
        });
        Self { port }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

/// The client thinks that it is connected as soon as we have heard of it; over a real line that takes a round trip, so
/// its first bytes wait that long.
fn carry(client: &TcpStream, to: u16, delay: Duration) -> io::Result<()> {
    let connected = Instant::now() + 2 * delay;
    let server = TcpStream::connect(("127.0.0.1", to))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    for (from, to) in [(client.try_clone()?, server.try_clone()?), (server, client.try_clone()?)] {
        let (sender, receiver) = channel();
        thread::spawn(move || take_in(from, &sender, connected, delay));
        thread::spawn(move || give_out(to, &receiver));
    }
    Ok(())
}

/// Bytes, and the time when they come out; empty at the end.
type Piece = (Instant, Vec<u8>);

fn take_in(mut from: TcpStream, out: &Sender<Piece>, connected: Instant, delay: Duration) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = from.read(&mut buffer).unwrap_or(0);
        let due = Instant::now().max(connected) + delay;
        if out.send((due, buffer[..n].to_vec())).is_err() || n == 0 {
            return;
        }
    }
}

fn give_out(mut to: TcpStream, from: &Receiver<Piece>) {
    while let Ok((due, bytes)) = from.recv() {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if bytes.is_empty() || to.write_all(&bytes).is_err() {
            // An end that is gone already is good enough.
            let _ = to.shutdown(Shutdown::Write);
            return;
        }
    }
}

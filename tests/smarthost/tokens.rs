//! A token endpoint (RFC 6749 section 6) on the loopback: one answer after another to the forms posted, the last one
//! for ever.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// It listens until it is dropped.
pub(crate) struct Tokens {
    address: SocketAddr,
    forms: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    serving: Option<JoinHandle<()>>,
}

impl Tokens {
    /// Gives these answers: a status and a body.
    pub(crate) fn start(answers: &[(u16, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (forms, is_over) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let answers: Vec<_> = answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        let serving = {
            let (forms, is_over) = (Arc::clone(&forms), Arc::clone(&is_over));
            thread::spawn(move || {
                for tcp in listener.incoming().flatten().take_while(|_| !is_over.load(Ordering::SeqCst)) {
                    let mut forms = forms.lock().expect("nobody panics with it");
                    let (status, body) = &answers[forms.len().min(answers.len() - 1)];
                    if let Some(form) = serve(tcp, *status, body) {
                        forms.push(form);
                    }
                }
            })
        };
        Self { address, forms, is_over, serving: Some(serving) }
    }

    /// The URL to post to.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/token", self.address)
    }

    /// The forms posted so far.
    pub(crate) fn forms(&self) -> Vec<String> {
        self.forms.lock().expect("nobody panics with it").clone()
    }
}

impl Drop for Tokens {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let served = self.serving.take().map(JoinHandle::join);
        assert!(served.is_none_or(|served| served.is_ok()) || thread::panicking(), "the token endpoint panicked");
    }
}

/// Reads one request and answers it; the form.
fn serve(mut tcp: TcpStream, status: u16, body: &str) -> Option<String> {
    let mut lines = BufReader::new(tcp.try_clone().ok()?);
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        if lines.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut form = vec![0; length];
    lines.read_exact(&mut form).ok()?;
    let length = body.len();
    write!(tcp, "HTTP/1.1 {status} Done\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").ok()?;
    String::from_utf8(form).ok()
}

//! The floor: the least that could be called accepting, sending, or emptying a queue. No mailer can do without the care
//! that is missing here; the floor is there to compare with.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write, stdin};
use std::net::TcpStream;
use std::path::Path;

use openssl::base64::encode_block;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslStream, SslVerifyMode};

use crate::mailers::{ACCOUNT, PASSWORD};

type Server = BufReader<SslStream<TcpStream>>;

pub(crate) fn run(words: &[&str]) {
    match *words {
        ["accept", directory] => accept(Path::new(directory)),
        ["send", port, ca] => {
            let mut content = Vec::new();
            stdin().read_to_end(&mut content).unwrap();
            let mut server = open(port, ca);
            server.get_mut().write_all(&[mail(&content), b"QUIT\r\n".to_vec()].concat()).unwrap();
            (0..3).for_each(|_| hear(&mut server));
        }
        ["drain", port, ca, directory] => drain(&mut open(port, ca), Path::new(directory)),
        _ => panic!("floor accept|send|drain"),
    }
}

/// A file, synced, renamed, its directory synced.
fn accept(directory: &Path) {
    let temporary = directory.join(format!("new.{}", std::process::id()));
    let mut file = File::create_new(&temporary).unwrap();
    std::io::copy(&mut stdin().lock(), &mut file).unwrap();
    file.sync_all().unwrap();
    fs::rename(&temporary, directory.join(std::process::id().to_string())).unwrap();
    File::open(directory).unwrap().sync_all().unwrap();
}

/// One mail a round trip, over one connection.
fn drain(server: &mut Server, directory: &Path) {
    for file in fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        server.get_mut().write_all(&mail(&fs::read(&path).unwrap())).unwrap();
        (0..3).for_each(|_| hear(server));
        fs::remove_file(path).unwrap();
    }
    server.get_mut().write_all(b"QUIT\r\n").unwrap();
}

fn open(port: &str, ca: &str) -> Server {
    let tcp = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    tcp.set_nodelay(true).unwrap();
    // A connector would read the system's certificates first.
    let mut context = SslContext::builder(SslMethod::tls_client()).unwrap();
    context.set_ca_file(ca).unwrap();
    context.set_verify(SslVerifyMode::PEER);
    let tls = Ssl::new(&context.build()).unwrap();
    let mut server = BufReader::new(tls.connect(tcp).unwrap());
    hear(&mut server);
    let proof = encode_block(format!("\0{ACCOUNT}\0{PASSWORD}").as_bytes());
    for command in ["EHLO floor.test\r\n".to_owned(), format!("AUTH PLAIN {proof}\r\n")] {
        server.get_mut().write_all(command.as_bytes()).unwrap();
        hear(&mut server);
    }
    server
}

/// Envelope and content.
fn mail(content: &[u8]) -> Vec<u8> {
    let content = String::from_utf8_lossy(content).replace('\n', "\r\n");
    let size = content.len();
    format!("MAIL FROM:<{ACCOUNT}>\r\nRCPT TO:<ops@example.test>\r\nBDAT {size} LAST\r\n{content}").into_bytes()
}

fn hear(server: &mut Server) {
    let mut line = String::new();
    while line.is_empty() || line.as_bytes().get(3) == Some(&b'-') {
        line.clear();
        server.read_line(&mut line).unwrap();
    }
    assert!(line.starts_with('2'), "{line}");
}

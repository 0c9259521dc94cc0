//! Many connections at once, as one client can open them.

use axum::body::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::harness::{GUARD, Web, answer};

const HOOK: (&str, &str) = ("routes", r#"[{"path": "/hook"}]"#);

/// A request whose body is waited for, as the server has told.
async fn waited_for(web: &Web) -> TcpStream {
    let mut stream = TcpStream::connect(web.address).await.unwrap();
    let head = "POST /hook HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
                Expect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut told = [0; 12];
    timeout(GUARD, stream.read_exact(&mut told)).await.expect("word in time").unwrap();
    assert_eq!(&told, b"HTTP/1.1 100");
    stream
}

#[tokio::test]
async fn bodies_that_do_not_come_take_no_memory() {
    let mut web = Web::new(&[HOOK, ("acks", "0")]);
    web.start_with(3 << 20).await.unwrap();
    let mut idle = Vec::new();
    for _client in 0..8 {
        let mut stream = waited_for(&web).await;
        stream.write_all(b"1\r\n7\r\n").await.unwrap();
        idle.push(stream);
    }
    let large = format!("\"{}\"", "x".repeat(100_000));
    assert_eq!(answer(web.post("/hook", large)).await.0, 200);
    drop(idle);
}

#[tokio::test]
async fn bodies_leave_memory_for_other_events_and_it_is_said_what_is_lacking() {
    let mut web = Web::new(&[HOOK, ("acks", "0"), ("body.max.bytes", "100000")]);
    web.start_with(250_000).await.unwrap();
    let mut slow = waited_for(&web).await;
    let part = [b"15f90\r\n".as_slice(), &[b' '; 90_000]].concat();
    slow.write_all(&part).await.unwrap();
    let large = Bytes::from(vec![b' '; 99_000]);
    // Until the server has read the other one's part, there is room for this one.
    let lacking = async {
        loop {
            let (status, body) = answer(web.post("/hook", large.clone())).await;
            match status {
                400 => {}
                _ => break (status, body),
            }
        }
    };
    let (status, body) = timeout(GUARD, lacking).await.expect("an answer in time");
    assert_eq!((status, body.contains("no memory")), (503, true), "{body}");
    for _event in 0..3 {
        let small = format!("\"{}\"", "x".repeat(15_000));
        assert_eq!(answer(web.post("/hook", small)).await.0, 200);
    }
    drop(slow);
}

#[tokio::test]
async fn one_client_has_so_many_connections_and_then_others_again() {
    let mut web = Web::start(&[HOOK, ("acks", "0"), ("max.connections.per.client", "2")]).await;
    let first = waited_for(&web).await;
    let second = waited_for(&web).await;
    let mut third = TcpStream::connect(web.address).await.unwrap();
    let mut rest = Vec::new();
    let closed = timeout(GUARD, third.read_to_end(&mut rest)).await.expect("an end in time");
    assert!(rest.is_empty(), "{closed:?} {rest:?}");
    drop(first);
    let free = async {
        while web.post("/hook", "1").send().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(GUARD, free).await.expect("a place in time");
    drop(second);
    web.task = None;
    web.props.insert("client.address.header".to_owned(), "X-Forwarded-For".to_owned());
    web.start_task().await.unwrap();
    let mut proxied = Vec::new();
    for _connection in 0..4 {
        proxied.push(waited_for(&web).await);
    }
}

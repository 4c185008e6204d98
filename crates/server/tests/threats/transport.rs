//! Cases 1 to 11 and 14 to 20: bytes that are no frames, heads that are no requests, and too many of either.

use std::sync::Arc;

use dormouse_core::{Code, limits};
use serde_json::json;
use tokio::net::TcpSocket;

use crate::{
    house::{House, eventually},
    raw::{CLOSE, Ended, FIN, PING, Raw, TEXT, close, frame, head, text},
    table::{Case, case, check},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transport() {
    check(cases()).await;
}

/// What a signed-in peer sends, and the close code of the transport that it gets, without a word.
fn frames() -> Vec<(u8, &'static str, &'static str, u16, Vec<u8>)> {
    let fragments = |parts: &[(u8, &[u8])]| parts.iter().flat_map(|(first, bytes)| frame(*first, bytes)).collect();
    let unmasked = [&[FIN | TEXT, 2][..], b"{}"].concat();
    vec![
        (1, "an unmasked frame", "1002", 1002, unmasked),
        (2, "RSV1", "1002", 1002, frame(FIN | 0x40 | TEXT, b"{}")),
        (2, "RSV2", "1002", 1002, frame(FIN | 0x20 | TEXT, b"{}")),
        (2, "RSV3", "1002", 1002, frame(FIN | 0x10 | TEXT, b"{}")),
        (2, "a reserved data opcode", "1002", 1002, frame(FIN | 0x3, b"{}")),
        (2, "a reserved control opcode", "1002", 1002, frame(FIN | 0xb, b"")),
        (3, "a ping of 126 bytes", "1002", 1002, frame(FIN | PING, &[0; 126])),
        (3, "a fragmented ping", "1002", 1002, frame(PING, b"")),
        (3, "a fragmented close", "1002", 1002, frame(CLOSE, b"")),
        (4, "a continuation without a start", "1002", 1002, frame(FIN, b"{}")),
        (4, "a start within a message", "1002", 1002, fragments(&[(TEXT, b"{"), (FIN | TEXT, b"}")])),
        (5, "invalid UTF-8", "1007", 1007, frame(FIN | TEXT, b"\"\xff\"")),
        (5, "invalid UTF-8 over two fragments", "1007", 1007, fragments(&[(TEXT, b"\"\xc3"), (FIN, b"\x28\"")])),
        (5, "UTF-8 that ends too early", "1007", 1007, fragments(&[(TEXT, b"\""), (FIN, b"\xc3")])),
        (5, "invalid UTF-8 in a close", "1007", 1007, frame(FIN | CLOSE, &[0x03, 0xe8, 0xff])),
        (6, "close code 1005", "1002", 1002, close(1005)),
        (6, "close code 1006", "1002", 1002, close(1006)),
        (6, "close code 1015", "1002", 1002, close(1015)),
        (6, "close code 999", "1002", 1002, close(999)),
        (6, "close code 2999", "1002", 1002, close(2999)),
        (6, "close code 5000", "1002", 1002, close(5000)),
        (6, "a close of one byte", "1002", 1002, frame(FIN | CLOSE, b"\x03")),
        (6, "close code 1000", "the same", 1000, close(1000)),
        (6, "close code 3000", "the same", 3000, close(3000)),
        (6, "a close without a code", "the same", 1005, frame(FIN | CLOSE, b"")),
        (9, "100,000 empty fragments", "1008", 1008, [frame(TEXT, b""), frame(0, b"").repeat(99_999)].concat()),
        (9, "fragments with pings between", "1008", 1008, {
            let ping = frame(FIN | PING, b"");
            let round = [frame(0, b"").repeat(50), ping].concat();
            [frame(TEXT, b""), round.repeat(500)].concat()
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    let frames = frames().into_iter().map(|(number, name, expected, code, bytes)| {
        case(number, name, expected, move |house| async move {
            let ended = ended_by(&house, &bytes).await;
            assert_eq!((ended.close, ended.goodbye, ended.orderly), (Some(code), None, true), "{ended:?}");
        })
    });
    let others = [
        case(5, "UTF-8 split within a letter", "served", split_letter),
        case(7, "2^63 bytes declared", "1009 too_large", declared_too_long),
        case(8, "a message of the cap, and one byte more", "served; 1009 too_large", cap),
        case(10, "compression offered", "not taken; 1002", deflate),
        case(11, "a secret next to a guess, compressed", "never compressed", uncompressed),
        case(14, "a flood of pings", "4429 rate_limited", pings).alone(),
        case(15, "connections of one address", "429 too_many_connections", too_many).alone(),
        case(17, "a foreign page with a cookie", "403 forbidden_origin", foreign_origin),
        case(18, "a length and chunks", "one answer by chunks, then closed", length_and_chunks),
        case(18, "two lengths", "400, closed", two_lengths),
        case(19, "heads that are none", "400", bad_heads),
        case(19, "heads of 64 KiB and of many lines", "431", large_heads),
        case(19, "a line end in what is echoed", "encoded", line_end_in_name),
        case(20, "a forged address and tenant", "ignored", forged),
    ];
    frames.chain(others).collect()
}

/// How a signed-in connection ends that sends these bytes.
async fn ended_by(house: &House, bytes: &[u8]) -> Ended {
    let (mut raw, _) = house.enter_raw().await;
    // The host may stop reading before the end of it.
    let _ = raw.try_send(bytes).await;
    raw.end().await
}

async fn split_letter(house: Arc<House>) {
    let (mut raw, _) = house.enter_raw().await;
    let ping = r#"{"action":"ping","positions":{"é":"1:0:0000000000000000"}}"#.as_bytes();
    let at = ping.iter().position(|&byte| byte == 0xc3).unwrap() + 1;
    raw.send(&[frame(TEXT, &ping[..at]), frame(FIN, &ping[at..])].concat()).await;
    assert_eq!(raw.hear().await["type"], "pong");
}

async fn declared_too_long(house: Arc<House>) {
    for length in [1 << 63, u64::MAX, limits::FRAME_BYTES_MAX as u64 + 1] {
        // Not one byte of it is sent: the answer cannot wait for room that it would need.
        let mask = [0; 4];
        let ended = ended_by(&house, &[&head(FIN | TEXT, length)[..], &mask].concat()).await;
        assert_eq!((ended.close, ended.goodbye), (Some(1009), Some(Code::TooLarge as u64)), "{length}");
    }
}

async fn cap(house: Arc<House>) {
    let ping = r#"{"action":"ping"}"#;
    let padded = |bytes: usize| format!("{ping}{}", " ".repeat(bytes - ping.len()));
    let (mut raw, _) = house.enter_raw().await;
    let whole = padded(limits::FRAME_BYTES_MAX);
    raw.send(&text(&whole)).await;
    assert_eq!(raw.hear().await["type"], "pong");
    let (first, second) = whole.as_bytes().split_at(1_000);
    raw.send(&[frame(TEXT, first), frame(FIN, second)].concat()).await;
    assert_eq!(raw.hear().await["type"], "pong");
    let above = padded(limits::FRAME_BYTES_MAX + 1);
    let (first, second) = above.as_bytes().split_at(1_000);
    for bytes in [text(&above), [frame(TEXT, first), frame(FIN, second)].concat()] {
        let ended = ended_by(&house, &bytes).await;
        assert_eq!((ended.close, ended.goodbye), (Some(1009), Some(Code::TooLarge as u64)));
    }
}

async fn deflate(house: Arc<House>) {
    let mut raw = house.raw().await;
    let offer = "sec-websocket-protocol: dormouse.v1\r\nsec-websocket-extensions: permessage-deflate\r\n";
    raw.ask_upgrade(offer).await;
    let response = raw.response().await;
    assert_eq!(response.status, 101);
    assert!(!response.head.contains("sec-websocket-extensions"), "{}", response.head);
    raw.send(&frame(FIN | 0x40 | TEXT, &[0; 1024])).await;
    assert_eq!(raw.end().await.close, Some(1002));
}

async fn uncompressed(house: Arc<House>) {
    let token = house.host.token("Ana");
    let headers = "accept-encoding: gzip, deflate, br, zstd\r\n";
    let response = house.ask_with(&token, "GET", "/v1", headers, "").await;
    assert_eq!(response.status, 200);
    assert!(!response.head.contains("content-encoding"), "{}", response.head);
}

async fn pings(house: Arc<House>) {
    let flood = frame(FIN | PING, b"").repeat(4 * limits::RATE_PER_CONNECTION as usize);
    let ended = ended_by(&house, &flood).await;
    assert_eq!((ended.close, ended.goodbye), (Some(4429), Some(Code::RateLimited as u64)), "{ended:?}");
}

async fn too_many(house: Arc<House>) {
    let mut held = Vec::new();
    for _ in 0..limits::CONNECTIONS_PER_ADDRESS_MAX {
        held.push(house.raw().await);
    }
    // The bystander holds some of them.
    let refused = house.raw().await.response().await;
    assert_eq!((refused.status, refused.code()), (429, Some(Code::TooManyConnections as u64)), "{refused:?}");
    assert!(refused.head.contains("retry-after: ") && refused.head.contains("connection: close"), "{}", refused.head);
    // Also when the request has been sent already, the answer is read before the connection goes.
    let asked = house.raw().await.ask("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert_eq!(asked.status, 429);
    let elsewhere = TcpSocket::new_v4().unwrap();
    elsewhere.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = Raw::over(elsewhere.connect(house.host.address).await.unwrap());
    let served = other.ask("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert_eq!(served.status, 200, "another address is served");
    drop(held);
    eventually("places are given back", || {
        let house = house.clone();
        async move { house.raw().await.ask("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await.status == 200 }
    })
    .await;
}

async fn foreign_origin(house: Arc<House>) {
    let token = house.host.token("Ana");
    let cookie = format!("cookie: token={token}\r\n");
    for origin in [
        "origin: https://evil.example\r\n",
        "origin: null\r\n",
        "origin: http://localhost\r\norigin: https://evil.example\r\n",
        "origin: http://localhost\u{e9}\r\n",
    ] {
        let mut raw = house.raw().await;
        raw.ask_upgrade(&format!("sec-websocket-protocol: dormouse.v1\r\n{cookie}{origin}")).await;
        let upgrade = raw.response().await;
        assert_eq!((upgrade.status, upgrade.code()), (403, Some(Code::ForbiddenOrigin as u64)), "{origin}");
        for path in ["/v1", "/v1/counter/x/stream", "/metrics", "/"] {
            let response = house.ask_with(&token, "GET", path, &format!("{cookie}{origin}"), "").await;
            assert_eq!((response.status, response.code()), (403, Some(Code::ForbiddenOrigin as u64)), "{path}");
            assert!(!response.head.contains("access-control-allow-origin"), "{}", response.head);
        }
    }
    let mut raw = house.raw().await;
    raw.ask_upgrade("sec-websocket-protocol: dormouse.v1\r\norigin: http://localhost\r\n").await;
    assert_eq!(raw.response().await.status, 101, "our own page may");
}

async fn length_and_chunks(house: Arc<House>) {
    let smuggled = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for headers in
        ["content-length: 5\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 5"]
    {
        let mut raw = house.raw().await;
        let request = format!("POST /v1/guest HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n\r\n0\r\n\r\n{smuggled}");
        let response = raw.ask(&request).await;
        assert_eq!(response.status, 201, "an empty body by its chunks: {response:?}");
        assert!(response.head.contains("connection: close"), "{}", response.head);
        assert_eq!(raw.rest().await, b"", "nothing behind it is answered");
    }
}

async fn two_lengths(house: Arc<House>) {
    for headers in [
        "content-length: 2\r\ncontent-length: 5",
        "content-length: 2, 5",
        "content-length: -1",
        "content-length: 99999999999999999999",
        "transfer-encoding: gzip",
        "transfer-encoding: chunked, identity",
    ] {
        let mut raw = house.raw().await;
        let response = raw.ask(&format!("POST /v1/guest HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n\r\n{{}}")).await;
        assert_eq!(response.status, 400, "{headers}: {response:?}");
        assert_eq!(raw.rest().await, b"");
    }
}

async fn bad_heads(house: Arc<House>) {
    for request in [
        "GET /health HTTP/1.1\r\nhost: localhost\r\nx: a\rb\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: localhost\r\nx: a\0b\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: localhost\r\nx: a\r\n folded\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: localhost\r\nx y: a\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: localhost\r\n: a\r\n\r\n",
        "GET /he alth HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET /health HTTP/9.9\r\nhost: localhost\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
    ] {
        let mut raw = house.raw().await;
        let response = raw.ask(request).await;
        assert_eq!(response.status, 400, "{request:?}");
        assert_eq!(raw.rest().await, b"", "closed after it");
    }
}

async fn large_heads(house: Arc<House>) {
    let long = format!("x: {}\r\n", "a".repeat(64 * 1024));
    let many = "x: a\r\n".repeat(1_000);
    for headers in [long, many] {
        let mut raw = house.raw().await;
        let response = raw.ask(&format!("GET /health HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n")).await;
        assert_eq!(response.status, 431);
        assert_eq!(raw.rest().await, b"", "closed after it");
    }
}

async fn line_end_in_name(house: Arc<House>) {
    let request = |body: &str| {
        let length = body.len();
        format!("POST /v1/guest HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}")
    };
    let response = house.raw().await.ask(&request(r#"{"name":"a\r\nset-cookie: x=1"}"#)).await;
    assert_eq!((response.status, response.code()), (400, Some(Code::BadString as u64)));
    assert!(!response.head.contains("set-cookie"), "{}", response.head);
}

async fn forged(_: Arc<House>) {
    let house = House::paced(|rates| rates.per_address = 1).await;
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let headers = "x-tenant: other\r\nx-dormouse-tenant: other\r\ntenant: other\r\n";
    let seen = house.ask_with(&token, "GET", &format!("/v1/{actor}"), headers, "").await;
    assert_eq!(seen.status, 200, "the tenant is the token's");
    let mut raw = house.raw().await;
    for n in 0..100 {
        let forged = format!("x-forwarded-for: 10.0.0.{n}\r\nforwarded: for=10.1.0.{n}\r\nx-real-ip: 10.2.0.{n}\r\n");
        let request = format!("POST /v1/guest HTTP/1.1\r\nhost: localhost\r\n{forged}content-length: 0\r\n\r\n");
        let response = raw.ask(&request).await;
        if response.status == 429 {
            return assert_eq!(response.code(), Some(Code::RateLimited as u64));
        }
    }
    panic!("one address, whatever it says");
}

//! A front that stands before an emulator and does to requests what the way to AWS does: it throttles, loses, delays and fails.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// What happens to one request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// It goes through.
    None,
    /// It is refused: the table is asked too much.
    Throttled,
    /// It never arrives.
    Lost,
    /// It arrives, and nobody hears the answer.
    ReplyLost,
    /// It arrives, and the answer does not come for longer than anybody waits.
    ReplyStuck,
    /// It does not arrive; the answer is a status of 500.
    Failed,
    /// It arrives; the answer is a status of 500 all the same.
    FailedWritten,
    /// It seems lost, and arrives when this is notified.
    Late(Arc<Notify>),
}

type Draw = Box<dyn FnMut(&str) -> Fault + Send>;

/// The front; it listens until the test ends.
pub(crate) struct Front {
    pub(crate) endpoint: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Front {
    /// The next puts meet these faults; all else goes through.
    pub(crate) async fn of_puts(before: &str, faults: impl IntoIterator<Item = Fault>) -> Self {
        let mut faults: VecDeque<Fault> = faults.into_iter().collect();
        let draw = move |operation: &str| match operation {
            "PutItem" => faults.pop_front().unwrap_or(Fault::None),
            _ => Fault::None,
        };
        Self::new(before, Box::new(draw)).await
    }

    /// Every request meets what is drawn for it.
    pub(crate) async fn new(before: &str, draw: Draw) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let (before, draw) = (before.trim_start_matches("http://").to_owned(), Arc::new(Mutex::new(draw)));
        tokio::spawn({
            let seen = seen.clone();
            async move {
                while let Ok((line, _)) = listener.accept().await {
                    // A line that breaks is what this is for.
                    tokio::spawn(serve(line, before.clone(), draw.clone(), seen.clone()));
                }
            }
        });
        Self { endpoint, seen }
    }

    /// How many requests of this operation came.
    pub(crate) fn requests(&self, operation: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|seen| *seen == operation).count()
    }
}

/// One request a line: the answer says that the line closes.
async fn serve(
    mut line: TcpStream,
    before: String,
    draw: Arc<Mutex<Draw>>,
    seen: Arc<Mutex<Vec<String>>>,
) -> io::Result<()> {
    let (operation, request) = read_request(&mut line).await?;
    seen.lock().unwrap().push(operation.clone());
    let fault = (draw.lock().unwrap())(&operation);
    let answer = match fault {
        Fault::None => pass(&before, &request).await?,
        Fault::Throttled => error(400, "ProvisionedThroughputExceededException"),
        Fault::Failed => error(500, "InternalServerError"),
        Fault::Lost => return Ok(()),
        Fault::ReplyLost => return pass(&before, &request).await.map(drop),
        Fault::FailedWritten => {
            pass(&before, &request).await?;
            error(500, "InternalServerError")
        }
        Fault::ReplyStuck => {
            pass(&before, &request).await?;
            tokio::time::sleep(Duration::from_secs(60)).await;
            return Ok(());
        }
        Fault::Late(until) => {
            drop(line);
            until.notified().await;
            pass(&before, &request).await?;
            until.notify_one();
            return Ok(());
        }
    };
    line.write_all(&answer).await?;
    line.shutdown().await
}

/// The operation, and the request as it is sent on: on a line of its own.
async fn read_request(line: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if line.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).map_err(io::Error::other)?;
    let header = |name: &str| {
        let line = text.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let length: usize = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while bytes.len() < head + 4 + length {
        line.read_buf(&mut bytes).await?;
    }
    let target = header("x-amz-target").unwrap_or_default();
    let kept = text.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let mut request = kept.chain(["connection: close", "", ""]).collect::<Vec<_>>().join("\r\n").into_bytes();
    request.extend_from_slice(&bytes[head + 4..]);
    Ok((target.rsplit('.').next().unwrap_or_default().to_owned(), request))
}

async fn pass(before: &str, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut line = TcpStream::connect(before).await?;
    line.write_all(request).await?;
    let mut answer = Vec::new();
    line.read_to_end(&mut answer).await?;
    Ok(answer)
}

fn error(status: u16, code: &str) -> Vec<u8> {
    let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"as the test wants"}}"#);
    let head = format!("HTTP/1.1 {status} x\r\ncontent-type: application/x-amz-json-1.0\r\nconnection: close\r\n");
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

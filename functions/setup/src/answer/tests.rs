//! The PUT, against a listener that answers as a test wants.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::event::Event;

/// Answers each request with the next of these statuses, the last one for ever; keeps what was asked.
async fn listener(statuses: &'static [u16]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/bucket/key%7Cwith%20space?X-Amz-Signature=abc%2Fdef", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (seen, count) = (Arc::clone(&asked), AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let status = statuses[count.fetch_add(1, Ordering::Relaxed).min(statuses.len() - 1)];
            let mut request = Vec::new();
            let mut buffer = [0; 8192];
            while !is_whole(&request) {
                let n = stream.read(&mut buffer).await.unwrap();
                if n == 0 {
                    break;
                }
                request.extend_from_slice(&buffer[..n]);
            }
            seen.lock().unwrap().push(String::from_utf8(request).unwrap());
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, asked)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn caller(url: &str) -> Caller {
    let mut event: Value = serde_json::from_str(include_str!("../../events/create.json")).unwrap();
    event["ResponseURL"] = url.into();
    let Event::Lifecycle(_, caller) = Event::read(&event) else { panic!("not understood") };
    caller
}

fn outcome(failure: Option<&str>) -> Outcome {
    let data = BTreeMap::from([("CopyRoleArn", "arn".to_owned())]);
    Outcome { failure: failure.map(str::to_owned), physical_id: "transship-photos".to_owned(), data }
}

fn within(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

#[tokio::test]
async fn the_answer_goes_to_the_url_as_it_was_signed() {
    let (url, asked) = listener(&[200]).await;
    send(&transship::aws::http_connector(), &caller(&url), &outcome(None), within(5)).await.unwrap();
    let asked = asked.lock().unwrap();
    let (head, body) = asked[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("PUT /bucket/key%7Cwith%20space?X-Amz-Signature=abc%2Fdef HTTP/1.1\r\n"), "{head}");
    let content_type = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-type:"));
    assert_eq!(content_type.unwrap().split_once(':').unwrap().1.trim(), "");
    assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({
            "Status": "SUCCESS",
            "PhysicalResourceId": "transship-photos",
            "StackId": "arn:aws:cloudformation:us-east-1:222222222222:stack/photos/11111111-2222-3333-4444-555555555555",
            "RequestId": "aaaaaaaa-0000-0000-0000-000000000001",
            "LogicalResourceId": "CopyRoute",
            "Data": { "CopyRoleArn": "arn" }
        })
    );
}

#[tokio::test]
async fn faults_and_refusals_are_kept_at_until_the_time_is_up() {
    let (url, asked) = listener(&[503, 500, 403, 307, 200]).await;
    send(&transship::aws::http_connector(), &caller(&url), &outcome(None), within(20)).await.unwrap();
    assert_eq!(asked.lock().unwrap().len(), 5);
    let (url, asked) = listener(&[403]).await;
    let error = send(&transship::aws::http_connector(), &caller(&url), &outcome(None), within(1)).await.unwrap_err();
    assert!(matches!(error, Unanswered::Refused(403)));
    assert!(asked.lock().unwrap().len() > 1);
    assert!(!format!("{error} {error:?}").contains("Signature"), "{error:?}");
}

#[tokio::test]
async fn no_error_shows_the_url() {
    let url = "http://127.0.0.1:9/a?X-Amz-Signature=hidden";
    let error = send(&transship::aws::http_connector(), &caller(url), &outcome(None), within(1)).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
    assert!(!format!("{:?}", caller(url)).contains("hidden"));
}

#[test]
fn a_reason_is_short_and_holds_no_url() {
    let url = "https://example.com/?X-Amz-Signature=hidden";
    let reason = format!("{url} {}", "ä".repeat(3000));
    let text = body(&caller(url), &outcome(Some(&reason))).unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    let reason = answer["Reason"].as_str().unwrap();
    assert!(text.len() <= LARGEST && reason.len() <= LARGEST_REASON, "{}", text.len());
    assert!(reason.starts_with("(URL) ä") && reason.ends_with("log has the whole of it)"));
    assert_eq!(answer["Status"], "FAILED");
}

#[test]
fn data_that_does_not_fit_is_pointed_at() {
    let mut large = outcome(None);
    large.data.insert("HandOffCommand", "x".repeat(LARGEST));
    let answer: Value = serde_json::from_str(&body(&caller("u"), &large).unwrap()).unwrap();
    assert_eq!(answer["Data"]["CopyRoleArn"], "arn");
    assert!(answer["Data"]["HandOffCommand"].as_str().unwrap().contains("preview"));
}

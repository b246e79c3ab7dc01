//! Who gets in, and what they may do.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use cloud::iam::Keys;
use cloud::identity::AccountId;
use serde_json::{Value, json};

use crate::support::{Scene, client, code, put, read};

const ROLE: &str = "arn:aws:iam::222222222222:role/reader";

/// A client of [`session`].
pub(crate) async fn role(scene: &Scene, statements: Value) -> Client {
    client(&scene.server.endpoint(), &session(scene, statements).await)
}

/// A session of a role of the destination account with one inline policy.
async fn session(scene: &Scene, statements: Value) -> Keys {
    let keys = scene.cloud.iam().account_keys(&AccountId::destination());
    let config =
        aws_config::SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(cloud::REGION))
            .endpoint_url(scene.server.endpoint())
            .credentials_provider(aws_sdk_s3::config::SharedCredentialsProvider::new(
                aws_sdk_s3::config::Credentials::new(&keys.access_key_id, &keys.secret_access_key, None, None, "test"),
            ))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
    let iam = aws_sdk_iam::Client::new(&config);
    let trust = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": "222222222222" }, "Action": "sts:AssumeRole" }
    ] });
    iam.create_role().role_name("reader").assume_role_policy_document(trust.to_string()).send().await.unwrap();
    let policy = json!({ "Version": "2012-10-17", "Statement": statements });
    let put = iam.put_role_policy().role_name("reader").policy_name("p").policy_document(policy.to_string());
    put.send().await.unwrap();
    let sts = aws_sdk_sts::Client::new(&config);
    let session =
        sts.assume_role().role_arn(ROLE).role_session_name("session").send().await.unwrap().credentials.unwrap();
    Keys {
        access_key_id: session.access_key_id,
        secret_access_key: session.secret_access_key,
        session_token: Some(session.session_token),
    }
}

pub(crate) fn allow(actions: &[&str], resources: &[&str]) -> Value {
    let arns: Vec<_> = resources.iter().map(|r| format!("arn:aws:s3:::{r}")).collect();
    json!({ "Effect": "Allow", "Action": actions, "Resource": arns })
}

/// The bucket's policy lets the role do what `actions` says.
pub(crate) async fn let_in(scene: &Scene, bucket: &str, actions: &[&str], resources: &[&str]) {
    let mut statement = allow(actions, resources);
    statement["Principal"] = json!({ "AWS": ROLE });
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
    scene.source.put_bucket_policy().bucket(bucket).policy(policy.to_string()).send().await.unwrap();
}

#[tokio::test]
async fn across_accounts_both_sides_must_allow() {
    let scene = Scene::with_bucket("theirs").await;
    put(&scene.source, "theirs", "k", b"x").await;
    let role = role(&scene, json!([allow(&["s3:GetObject", "s3:ListBucket"], &["theirs", "theirs/*"])])).await;
    let get = || role.get_object().bucket("theirs").key("k").send();
    let refused = get().await.unwrap_err().into_service_error();
    assert_eq!(refused.code(), Some("AccessDenied"));
    let message = refused.message().unwrap();
    for part in ["s3:GetObject", "arn:aws:s3:::theirs/k", "assumed-role/reader/session"] {
        assert!(message.contains(part), "{message}");
    }
    let_in(&scene, "theirs", &["s3:GetObject"], &["theirs/*"]).await;
    assert_eq!(read(&role, "theirs", "k").await, b"x");
    // Who may not list learns nothing of a key that is not there.
    assert_eq!(code(role.get_object().bucket("theirs").key("absent").send().await), "AccessDenied");
    assert_eq!(code(role.head_object().bucket("theirs").key("absent").send().await), "403");
    let_in(&scene, "theirs", &["s3:GetObject", "s3:List*"], &["theirs", "theirs/*"]).await;
    assert_eq!(code(role.get_object().bucket("theirs").key("absent").send().await), "NoSuchKey");
    assert_eq!(code(role.delete_object().bucket("theirs").key("k").send().await), "AccessDenied");
    let objects = ObjectIdentifier::builder().key("k").build().unwrap();
    let delete = Delete::builder().objects(objects).build().unwrap();
    let done = role.delete_objects().bucket("theirs").delete(delete).send().await.unwrap();
    assert_eq!(done.errors().first().unwrap().code(), Some("AccessDenied"));
    assert_eq!(code(role.put_bucket_policy().bucket("theirs").policy("{}").send().await), "AccessDenied");
}

#[tokio::test]
async fn a_copy_needs_each_permission_of_both_sides() {
    let source_needs = ["s3:GetObject", "s3:GetObjectTagging"];
    let target_needs = ["s3:PutObject", "s3:PutObjectTagging"];
    let scene = Scene::with_bucket("from").await;
    scene.destination.create_bucket().bucket("into").send().await.unwrap();
    let tagged = scene.source.put_object().bucket("from").key("tagged").tagging("a=1");
    tagged.send().await.unwrap();
    put(&scene.source, "from", "plain", b"x").await;
    let role = role(
        &scene,
        json!([
            allow(&source_needs, &["from/*"]),
            { "Effect": "Allow", "Action": target_needs, "Resource": "arn:aws:s3:::into/*" },
        ]),
    )
    .await;
    let copy = |key: &str| role.copy_object().bucket("into").key(key).copy_source(format!("from/{key}")).send();
    let_in(&scene, "from", &source_needs, &["from/*"]).await;
    copy("tagged").await.unwrap();
    for missing in source_needs {
        let rest: Vec<_> = source_needs.into_iter().filter(|n| *n != missing).collect();
        let_in(&scene, "from", &rest, &["from/*"]).await;
        assert_eq!(code(copy("tagged").await), "AccessDenied", "without {missing}");
    }
    let_in(&scene, "from", &["s3:GetObject"], &["from/*"]).await;
    copy("plain").await.unwrap();
    let_in(&scene, "from", &source_needs, &["from/*"]).await;
    for missing in target_needs {
        let deny = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Deny", "Principal": "*", "Action": missing, "Resource": "arn:aws:s3:::into/*"
        }] });
        scene.destination.put_bucket_policy().bucket("into").policy(deny.to_string()).send().await.unwrap();
        assert_eq!(code(copy("tagged").await), "AccessDenied", "without {missing}");
    }
}

#[tokio::test]
async fn conditions_see_the_request() {
    let scene = Scene::with_bucket("strict").await;
    let deny = |action: &str, resource: &str, condition: Value| json!({ "Effect": "Deny", "Principal": "*", "Action": action, "Resource": resource, "Condition": condition });
    let objects = "arn:aws:s3:::strict/*";
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        deny("s3:*", objects, json!({ "Bool": { "aws:SecureTransport": "false" } })),
        deny("s3:PutObject", objects, json!({ "StringEquals": { "s3:x-amz-storage-class": "GLACIER" } })),
        deny("s3:PutObject", objects, json!({ "StringEquals": { "s3:RequestObjectTag/secret": "yes" } })),
        deny("s3:GetObject", objects, json!({ "StringEquals": { "s3:ExistingObjectTag/secret": "maybe" } })),
        deny("s3:ListBucket", "arn:aws:s3:::strict", json!({ "StringLike": { "s3:prefix": "hidden/*" } })),
    ] });
    scene.source.put_bucket_policy().bucket("strict").policy(policy.to_string()).send().await.unwrap();
    let put = || scene.source.put_object().bucket("strict").key("k").body(ByteStream::from_static(b"x"));
    assert!(put().send().await.is_ok());
    assert_eq!(code(put().storage_class("GLACIER".into()).send().await), "AccessDenied");
    assert_eq!(code(put().tagging("secret=yes").send().await), "AccessDenied");
    put().tagging("secret=maybe").send().await.unwrap();
    assert_eq!(code(scene.source.get_object().bucket("strict").key("k").send().await), "AccessDenied");
    assert!(scene.source.list_objects_v2().bucket("strict").prefix("open/").send().await.is_ok());
    assert_eq!(code(scene.source.list_objects_v2().bucket("strict").prefix("hidden/a").send().await), "AccessDenied");
}

#[tokio::test]
async fn unknown_keys_wrong_secrets_and_missing_tokens_are_refused() {
    let scene = Scene::with_bucket("safe").await;
    let good = scene.cloud.iam().account_keys(&AccountId::source());
    let with = |change: &dyn Fn(&mut Keys)| {
        let mut keys = good.clone();
        change(&mut keys);
        client(&scene.server.endpoint(), &keys)
    };
    let unknown = with(&|keys| keys.access_key_id = "AKIAUNKNOWN".to_owned());
    assert_eq!(code(unknown.list_buckets().send().await), "InvalidAccessKeyId");
    let wrong = with(&|keys| keys.secret_access_key.push('x'));
    assert_eq!(code(wrong.list_buckets().send().await), "SignatureDoesNotMatch");
    let token = with(&|keys| keys.session_token = Some("made up".to_owned()));
    assert_eq!(code(token.list_buckets().send().await), "InvalidToken");
    let anonymous = Client::from_conf(
        aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(cloud::REGION))
            .endpoint_url(scene.server.endpoint())
            .force_path_style(true)
            .allow_no_auth()
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build(),
    );
    assert_eq!(code(anonymous.list_objects_v2().bucket("safe").send().await), "AccessDenied");
}

#[tokio::test]
async fn a_sessions_token_must_come_with_its_key_in_header_or_presigned_url() {
    let scene = Scene::with_bucket("safe").await;
    put(&scene.source, "safe", "k", b"x").await;
    let keys = session(&scene, json!([allow(&["s3:GetObject"], &["safe/*"])])).await;
    let_in(&scene, "safe", &["s3:GetObject"], &["safe/*"]).await;
    let presign = async |keys: &Keys| {
        let soon = PresigningConfig::expires_in(std::time::Duration::from_mins(1)).unwrap();
        let role = client(&scene.server.endpoint(), keys);
        role.get_object().bucket("safe").key("k").presigned(soon).await.unwrap().uri().to_owned()
    };
    assert_eq!(read(&client(&scene.server.endpoint(), &keys), "safe", "k").await, b"x");
    let url = presign(&keys).await;
    assert!(url.contains("X-Amz-Security-Token="));
    assert!(fetch(&scene, &url).await.starts_with("HTTP/1.1 200"));
    let bare = Keys { session_token: None, ..keys };
    let refused = client(&scene.server.endpoint(), &bare).get_object().bucket("safe").key("k").send().await;
    assert_eq!(code(refused), "InvalidToken");
    assert!(fetch(&scene, &presign(&bare).await).await.contains("<Code>InvalidToken</Code>"));
}

/// A plain HTTP GET.
async fn fetch(scene: &Scene, url: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = scene.server.address();
    let target = url.strip_prefix(&scene.server.endpoint()).unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_sub_resource_that_is_not_here_does_nothing_else_instead() {
    let scene = Scene::with_bucket("precious").await;
    let s3 = &scene.source;
    put(s3, "precious", "k", b"x").await;
    s3.delete_object().bucket("precious").key("k").send().await.unwrap();
    let delete = s3.delete_bucket().bucket("precious").customize();
    let delete = delete.mutate_request(|request| {
        let uri = format!("{}?shinyNewThing", request.uri().split('?').next().unwrap_or_default());
        request.set_uri(uri).unwrap();
    });
    assert_eq!(code(delete.send().await), "NotImplemented");
    assert!(s3.head_bucket().bucket("precious").send().await.is_ok());
    assert_eq!(code(s3.delete_bucket_website().bucket("precious").send().await), "NotImplemented");
    assert_eq!(code(s3.get_bucket_cors().bucket("precious").send().await), "NotImplemented");
    assert!(s3.head_bucket().bucket("precious").send().await.is_ok());
}

#[tokio::test]
async fn an_acl_needs_a_permission_of_its_own_and_the_policy_stays_the_owners() {
    let scene = Scene::with_bucket("theirs").await;
    let all = ["s3:PutObject", "s3:PutBucketPolicy"];
    let role = role(&scene, json!([allow(&["s3:*"], &["theirs", "theirs/*"])])).await;
    let_in(&scene, "theirs", &all, &["theirs", "theirs/*"]).await;
    let put = || role.put_object().bucket("theirs").key("k").body(ByteStream::from_static(b"x"));
    put().send().await.unwrap();
    assert_eq!(code(put().acl("bucket-owner-full-control".into()).send().await), "AccessDenied");
    assert_eq!(code(role.put_bucket_policy().bucket("theirs").policy("{}").send().await), "MethodNotAllowed");
    // Whoever locks everybody out: the owner's root still mends it.
    let deny = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::theirs", "arn:aws:s3:::theirs/*"]
    }] });
    scene.source.put_bucket_policy().bucket("theirs").policy(deny.to_string()).send().await.unwrap();
    assert_eq!(code(scene.source.list_objects_v2().bucket("theirs").send().await), "AccessDenied");
    scene.source.delete_bucket_policy().bucket("theirs").send().await.unwrap();
    assert!(scene.source.list_objects_v2().bucket("theirs").send().await.is_ok());
}

#[tokio::test]
async fn an_object_under_the_managed_key_cannot_be_read_from_the_other_account() {
    let scene = Scene::with_bucket("theirs").await;
    let role = role(&scene, json!([allow(&["s3:GetObject"], &["theirs/*"])])).await;
    let_in(&scene, "theirs", &["s3:GetObject"], &["theirs/*"]).await;
    let put = |key: &str| scene.source.put_object().bucket("theirs").key(key).server_side_encryption("aws:kms".into());
    put("managed").send().await.unwrap();
    put("own").ssekms_key_id("arn:aws:kms:us-east-1:111111111111:key/k1").send().await.unwrap();
    assert!(scene.source.get_object().bucket("theirs").key("managed").send().await.is_ok());
    assert_eq!(code(role.get_object().bucket("theirs").key("managed").send().await), "AccessDenied");
    assert!(role.get_object().bucket("theirs").key("own").send().await.is_ok());
}

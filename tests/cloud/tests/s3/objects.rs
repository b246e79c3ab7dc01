//! Putting, getting, listing and deleting objects.

use aws_sdk_s3::primitives::ByteStream;

use crate::support::{PAINFUL, Scene, code, read};

#[tokio::test]
async fn painful_keys_round_trip_through_put_get_head_list_copy_and_delete() {
    let scene = Scene::with_bucket("painful").await;
    let s3 = &scene.source;
    for key in PAINFUL {
        let body = ByteStream::from(key.as_bytes().to_vec());
        s3.put_object().bucket("painful").key(key).body(body).send().await.unwrap();
        assert_eq!(read(s3, "painful", key).await, key.as_bytes());
        assert_eq!(
            s3.head_object().bucket("painful").key(key).send().await.unwrap().content_length,
            Some(i64::try_from(key.len()).unwrap())
        );
    }
    let listed = s3.list_objects_v2().bucket("painful").send().await.unwrap();
    let mut expected = PAINFUL.map(str::to_owned).to_vec();
    expected.sort();
    let keys: Vec<_> = listed.contents().iter().map(|o| o.key().unwrap().to_owned()).collect();
    assert_eq!(keys, expected);
    for key in PAINFUL {
        let source =
            format!("painful/{}", percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC));
        let to = format!("copy/{key}");
        s3.copy_object().bucket("painful").key(&to).copy_source(source).send().await.unwrap();
        assert_eq!(read(s3, "painful", &to).await, key.as_bytes());
        s3.delete_object().bucket("painful").key(key).send().await.unwrap();
        assert_eq!(code(s3.get_object().bucket("painful").key(key).send().await), "NoSuchKey");
    }
}

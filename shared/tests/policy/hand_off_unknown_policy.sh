# Let these roles read the source bucket; none may write there or delete.
# arn:aws:iam::222222222222:role/transship-photos-daily-copy: lists and reads the objects, which it copies.
# arn:aws:iam::222222222222:role/transship-photos-daily-create-job: asks by HeadObject whether archived objects can be read by now.
# These are our statements, added to the policy that is there.
cat > transship-statements.json <<'JSON'
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Transship222222222222photosZDdailyZEReadSource",
      "Effect": "Allow",
      "Principal": {
        "AWS": "arn:aws:iam::222222222222:role/transship-photos-daily-copy"
      },
      "Action": [
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:GetObjectAcl",
        "s3:GetObjectVersionAcl",
        "s3:GetObjectTagging",
        "s3:GetObjectVersionTagging",
        "s3:GetObjectAnnotation"
      ],
      "Resource": "arn:aws:s3:::photos-source/*"
    },
    {
      "Sid": "Transship222222222222photosZDdailyZEListSource",
      "Effect": "Allow",
      "Principal": {
        "AWS": "arn:aws:iam::222222222222:role/transship-photos-daily-copy"
      },
      "Action": "s3:ListBucket",
      "Resource": "arn:aws:s3:::photos-source"
    },
    {
      "Sid": "Transship222222222222photosZDdailyZEAskSource",
      "Effect": "Allow",
      "Principal": {
        "AWS": "arn:aws:iam::222222222222:role/transship-photos-daily-create-job"
      },
      "Action": "s3:GetObject",
      "Resource": "arn:aws:s3:::photos-source/*"
    }
  ]
}
JSON
if aws s3api get-bucket-policy --bucket photos-source --expected-bucket-owner 111111111111 --region eu-west-1 \
    --query Policy --output text > current-policy.json 2> transship-error.txt; then
  jq --slurpfile ours transship-statements.json \
    '.Statement = ([.Statement] | flatten | map(select(.Sid as $sid | $ours[0].Statement | all(.Sid != $sid)))) + $ours[0].Statement' \
    current-policy.json > transship-policy.json &&
  aws s3api put-bucket-policy --bucket photos-source --expected-bucket-owner 111111111111 --region eu-west-1 --policy file://transship-policy.json
elif grep -q NoSuchBucketPolicy transship-error.txt; then
  aws s3api put-bucket-policy --bucket photos-source --expected-bucket-owner 111111111111 --region eu-west-1 --policy file://transship-statements.json
else
  cat transship-error.txt >&2
fi

# Have S3 deliver the inventory, unless another one of the same id is there.
cat > transship-inventory.json <<'JSON'
{
  "Id": "transship",
  "IsEnabled": true,
  "IncludedObjectVersions": "Current",
  "Schedule": {
    "Frequency": "Daily"
  },
  "Destination": {
    "S3BucketDestination": {
      "AccountId": "222222222222",
      "Bucket": "arn:aws:s3:::photos-manifests",
      "Format": "CSV",
      "Prefix": "inventory",
      "Encryption": {
        "SSEKMS": {
          "KeyId": "arn:aws:kms:eu-west-1:222222222222:key/manifests"
        }
      }
    }
  },
  "OptionalFields": [
    "Size",
    "LastModifiedDate",
    "ETag",
    "StorageClass",
    "IsMultipartUploaded",
    "EncryptionStatus",
    "IntelligentTieringAccessTier"
  ]
}
JSON
destination=$(aws s3api get-bucket-inventory-configuration --bucket photos-source --expected-bucket-owner 111111111111 --region eu-west-1 --id transship \
  --query InventoryConfiguration.Destination.S3BucketDestination.Bucket --output text 2> transship-error.txt)
if [ "$destination" = arn:aws:s3:::photos-manifests ] || grep -q NoSuchConfiguration transship-error.txt; then
  aws s3api put-bucket-inventory-configuration --bucket photos-source --expected-bucket-owner 111111111111 --region eu-west-1 --id transship \
    --inventory-configuration file://transship-inventory.json
else
  echo "inventory transship is not put: there is one that delivers to ${destination:-?}" >&2
  cat transship-error.txt >&2
fi

# Add this to the policy of arn:aws:kms:eu-west-1:111111111111:key/source-1
#   {
#     "Sid": "Transship222222222222photosZDdailyZEDecryptSource",
#     "Effect": "Allow",
#     "Principal": {
#       "AWS": "arn:aws:iam::222222222222:role/transship-photos-daily-copy"
#     },
#     "Action": "kms:Decrypt",
#     "Resource": "*"
#   }

# Have the owner of arn:aws:kms:eu-west-1:333333333333:key/mrk-2 add this to the key's policy
#   {
#     "Sid": "Transship222222222222photosZDdailyZEDecryptSource",
#     "Effect": "Allow",
#     "Principal": {
#       "AWS": "arn:aws:iam::222222222222:role/transship-photos-daily-copy"
#     },
#     "Action": "kms:Decrypt",
#     "Resource": "*"
#   }

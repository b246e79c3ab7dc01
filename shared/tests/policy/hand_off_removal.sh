# Take our statements out of the source bucket's policy.
if aws s3api get-bucket-policy --bucket photos-source --expected-bucket-owner 111111111111 --region eu-west-1 \
    --query Policy --output text > current-policy.json 2> transship-error.txt; then
  jq '.Statement = ([.Statement] | flatten | map(select((.Sid // "") | startswith("Transship222222222222photosZDdailyZE") | not)))' \
    current-policy.json > transship-policy.json &&
  if jq --exit-status '.Statement == []' transship-policy.json > transship-error.txt; then
    aws s3api delete-bucket-policy --bucket photos-source --expected-bucket-owner 111111111111 --region eu-west-1
  else
    aws s3api put-bucket-policy --bucket photos-source --expected-bucket-owner 111111111111 --region eu-west-1 --policy file://transship-policy.json
  fi
elif ! grep -q NoSuchBucketPolicy transship-error.txt; then
  cat transship-error.txt >&2
fi

# Stop the inventory, unless it is another one of the same id.
destination=$(aws s3api get-bucket-inventory-configuration --bucket photos-source --expected-bucket-owner 111111111111 --region eu-west-1 --id transship \
  --query InventoryConfiguration.Destination.S3BucketDestination.Bucket --output text 2> transship-error.txt)
if [ "$destination" = arn:aws:s3:::photos-manifests ]; then
  aws s3api delete-bucket-inventory-configuration --bucket photos-source --expected-bucket-owner 111111111111 --region eu-west-1 --id transship
elif ! grep -q NoSuchConfiguration transship-error.txt; then
  echo "inventory transship stays: it delivers to ${destination:-?}" >&2
  cat transship-error.txt >&2
fi

# Take out of the policy of arn:aws:kms:eu-west-1:111111111111:key/source-1: Transship222222222222photosZDdailyZEDecryptSource

# Take out of the policy of arn:aws:kms:eu-west-1:333333333333:key/mrk-2: Transship222222222222photosZDdailyZEDecryptSource

#!/usr/bin/env bash
# Inputs to begin with: the stand-ins for published files, and what lies in them.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p corpus/{archive,pickle,picture,safetensors}
cp ../crates/clip-preprocess/tests/data/{jpeg/*.jpg,tiff/*.tif} corpus/picture/
for packed in ../crates/clip-testkit/goldens/openai/*.pt.gz; do
    name=$(basename "$packed" .gz)
    gunzip -c "$packed" > "corpus/archive/$name"
    unzip -p "corpus/archive/$name" '*/data.pkl' > "corpus/pickle/$name"
done
# A header is all but the first eight bytes of what comes before the values.
for file in ../crates/clip-testkit/goldens/*/model.safetensors; do
    length=$(od -An -tu8 -N8 "$file" | tr -d ' ')
    head -c "$((8 + length))" "$file" | tail -c +9 > "corpus/safetensors/$(basename "$(dirname "$file")")"
done

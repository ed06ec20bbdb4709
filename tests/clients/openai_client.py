"""OpenAI's own client against a server: in floats and in Base64, which it asks for by itself."""

import base64
import sys

import openai

url, samples = sys.argv[1:3]
client = openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0)

models = client.models.list().data
model = models[0].id
assert client.models.retrieve(model).id == model

texts = ["a picture of a dog", "a picture of a car", "ein Wort: Straße, 狗, 🐕"]
by_default = client.embeddings.create(model=model, input=texts)
floats = client.embeddings.create(model=model, input=texts, encoding_format="float")
assert [data.index for data in by_default.data] == [0, 1, 2]
for one, other in zip(by_default.data, floats.data, strict=True):
    assert len(one.embedding) == models[0].dimensions
    # 32 bits either way: in decimal, as many digits as tell them apart.
    assert max(abs(a - b) for a, b in zip(one.embedding, other.embedding, strict=True)) < 1e-7
    assert abs(sum(a * a for a in one.embedding) - 1) < 1e-5
assert by_default.usage.prompt_tokens == by_default.usage.total_tokens > 3

many = client.embeddings.create(model=model, input=[f"a picture of {n} dogs" for n in range(2048)])
assert [data.index for data in many.data] == list(range(2048))

# The client has no field for images; what it does not know goes into the body.
with open(f"{samples}/fx-dog.png", "rb") as file:
    uri = "data:image/png;base64," + base64.b64encode(file.read()).decode()
image = client.embeddings.create(model=model, input=[uri], extra_body={"modality": "image"})
scores = [
    sum(a * b for a, b in zip(image.data[0].embedding, text.embedding, strict=True))
    for text in by_default.data[:2]
]
assert scores[0] > scores[1], scores


def refused(kind, says, **arguments):
    try:
        client.embeddings.create(**{"model": model, "input": "a", **arguments})
    except kind as error:
        assert says in error.body["message"], error.body
    else:
        raise AssertionError(f"{arguments} was not refused")


refused(openai.NotFoundError, "has the model", model="text-embedding-3-small")
refused(openai.BadRequestError, "token ids", input=[[1, 2, 3]])
refused(openai.BadRequestError, "dimensions", dimensions=64)
refused(openai.BadRequestError, "empty", input=["a", " "])
print(f"openai {openai.__version__}: all as with OpenAI's API")

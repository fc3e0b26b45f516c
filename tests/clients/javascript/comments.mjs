// Comments under posts, on the AWS SDK for JavaScript v3: both clients, its waiters, paginators and exceptions.
// The environment says where DynamoDB is. What the program makes of the answers it checks itself; the last line it
// prints, one JSON object, is for the test.

import assert from "node:assert/strict";
import {
  ConditionalCheckFailedException,
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  ListTagsOfResourceCommand,
  ResourceNotFoundException,
  UpdateTimeToLiveCommand,
  paginateListTables,
  waitUntilTableExists,
  waitUntilTableNotExists,
} from "@aws-sdk/client-dynamodb";
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from "@aws-sdk/client-dynamodb-streams";
import {
  BatchGetCommand,
  BatchWriteCommand,
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  NumberValue,
  PutCommand,
  QueryCommand,
  UpdateCommand,
  paginateQuery,
  paginateScan,
} from "@aws-sdk/lib-dynamodb";

const TableName = "javascript-comments";
const Post = "post 1";
const FOLLOWED_WITHIN_MS = 20_000;

const client = new DynamoDBClient({});
const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });

const comment = (number) => ({
  Post,
  Number: number,
  Author: number % 2 ? "odd" : "even",
  Written: 1_700_000_000 + ((number * 5) % 12),
  Body: { text: `comment ${number}`, mentions: new Set(["ann", "bob"]), edits: [1, null, true] },
});
const comments = Array.from({ length: 12 }, (_, number) => comment(number));
const keyOf = ({ Post, Number }) => ({ Post, Number });

const stream = await createTable();
const seen = { comments: await writeAndReadBack() };
seen.pages = await readPages();
seen.index = await readIndex();
await changeUnderConditions();
await useExactTypes();
await describeTimeToLiveAndTags();
seen.changes = await readStream();
await deleteTable();
console.log(JSON.stringify(seen));

async function createTable() {
  const key = (AttributeName, KeyType) => ({ AttributeName, KeyType });
  const { TableDescription } = await client.send(
    new CreateTableCommand({
      TableName,
      AttributeDefinitions: [
        { AttributeName: "Post", AttributeType: "S" },
        { AttributeName: "Number", AttributeType: "N" },
        { AttributeName: "Author", AttributeType: "S" },
        { AttributeName: "Written", AttributeType: "N" },
      ],
      KeySchema: [key("Post", "HASH"), key("Number", "RANGE")],
      GlobalSecondaryIndexes: [
        {
          IndexName: "ByAuthor",
          KeySchema: [key("Author", "HASH"), key("Written", "RANGE")],
          Projection: { ProjectionType: "INCLUDE", NonKeyAttributes: ["Body"] },
        },
      ],
      BillingMode: "PAY_PER_REQUEST",
      StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
      Tags: [{ Key: "team", Value: "web" }],
    }),
  );
  assert(TableDescription.CreationDateTime instanceof Date);
  await waitUntilTableExists({ client, maxWaitTime: 30, minDelay: 1 }, { TableName });
  const names = [];
  for await (const page of paginateListTables({ client, pageSize: 1 }, {})) names.push(...page.TableNames);
  assert(names.includes(TableName));
  return TableDescription.LatestStreamArn;
}

async function writeAndReadBack() {
  let RequestItems = { [TableName]: comments.map((Item) => ({ PutRequest: { Item } })) };
  while (Object.keys(RequestItems).length > 0) {
    ({ UnprocessedItems: RequestItems } = await documents.send(new BatchWriteCommand({ RequestItems })));
  }
  const { Item } = await documents.send(new GetCommand({ TableName, Key: { Post, Number: 3 }, ConsistentRead: true }));
  assert.deepEqual(Item, comments[3]);
  const { Responses, UnprocessedKeys } = await documents.send(
    new BatchGetCommand({ RequestItems: { [TableName]: { Keys: comments.map(keyOf), ConsistentRead: true } } }),
  );
  assert.deepEqual(UnprocessedKeys, {});
  const found = Responses[TableName].sort((one, other) => one.Number - other.Number);
  assert.deepEqual(found, comments);
  return found.length;
}

async function readPages() {
  const query = {
    TableName,
    KeyConditionExpression: "Post = :post AND #number BETWEEN :low AND :high",
    ExpressionAttributeNames: { "#number": "Number" },
    ExpressionAttributeValues: { ":post": Post, ":low": 1, ":high": 10 },
    ScanIndexForward: false,
    ConsistentRead: true,
  };
  const pages = [];
  for await (const page of paginateQuery({ client: documents, pageSize: 4 }, query)) pages.push(page.Items);
  assert.deepEqual(pages.flat(), comments.slice(1, 11).reverse());

  const scanned = [];
  for (const Segment of [0, 1]) {
    const scan = { TableName, Segment, TotalSegments: 2, ConsistentRead: true };
    for await (const page of paginateScan({ client: documents, pageSize: 5 }, scan)) scanned.push(...page.Items);
  }
  assert.deepEqual(scanned.sort((one, other) => one.Number - other.Number), comments);
  return pages.map((page) => page.length);
}

async function readIndex() {
  const expected = comments
    .filter(({ Author }) => Author === "odd")
    .sort((one, other) => one.Written - other.Written);
  const query = new QueryCommand({
    TableName,
    IndexName: "ByAuthor",
    KeyConditionExpression: "Author = :author",
    ExpressionAttributeValues: { ":author": "odd" },
  });
  const deadline = Date.now() + FOLLOWED_WITHIN_MS;
  let { Items } = await documents.send(query);
  while (Items.length < expected.length && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    ({ Items } = await documents.send(query));
  }
  assert.deepEqual(Items, expected);
  return Items.map(({ Number }) => Number);
}

async function changeUnderConditions() {
  await assert.rejects(
    documents.send(
      new PutCommand({
        TableName,
        Item: { ...comments[0], Body: "overwritten" },
        ConditionExpression: "attribute_not_exists(Post)",
        ReturnValuesOnConditionCheckFailure: "ALL_OLD",
      }),
    ),
    (refusal) => {
      assert(refusal instanceof ConditionalCheckFailedException);
      assert.equal(refusal.message, "The conditional request failed");
      assert.equal(refusal.Item.Author.S, "even");
      return true;
    },
  );
  const { Attributes } = await documents.send(
    new UpdateCommand({
      TableName,
      Key: keyOf(comments[0]),
      UpdateExpression: "SET Body.#text = :text, Body.edits[1] = :edit ADD Likes :one DELETE Body.mentions :bob",
      ConditionExpression: "Author = :even AND size(Body.edits) = :three",
      ExpressionAttributeNames: { "#text": "text" },
      ExpressionAttributeValues: {
        ":text": "edited",
        ":edit": 2,
        ":one": 1,
        ":bob": new Set(["bob"]),
        ":even": "even",
        ":three": 3,
      },
      ReturnValues: "ALL_NEW",
    }),
  );
  assert.deepEqual(Attributes, {
    ...comments[0],
    Likes: 1,
    Body: { text: "edited", mentions: new Set(["ann"]), edits: [1, 2, true] },
  });
  const deleted = await documents.send(
    new DeleteCommand({ TableName, Key: keyOf(comments[0]), ReturnValues: "ALL_OLD" }),
  );
  assert.deepEqual(deleted.Attributes, Attributes);
  const gone = await documents.send(new GetCommand({ TableName, Key: keyOf(comments[0]), ConsistentRead: true }));
  assert.equal(gone.Item, undefined);
}

async function useExactTypes() {
  const exact = DynamoDBDocumentClient.from(client, { unmarshallOptions: { wrapNumbers: true } });
  const Key = { Post: "types", Number: 1 };
  const digits = "12345678901234567890.123456789012345678";
  const picture = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  await exact.send(new PutCommand({ TableName, Item: { ...Key, Exact: NumberValue.from(digits), picture } }));
  const { Item } = await exact.send(new GetCommand({ TableName, Key, ConsistentRead: true }));
  assert.equal(Item.Exact.value, digits);
  assert.deepEqual(Item.picture, picture);
  await exact.send(new DeleteCommand({ TableName, Key }));
}

async function describeTimeToLiveAndTags() {
  const TimeToLiveSpecification = { Enabled: true, AttributeName: "Expires" };
  await client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }));
  const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName }));
  assert.equal(TimeToLiveDescription.AttributeName, "Expires");
  assert.match(TimeToLiveDescription.TimeToLiveStatus, /^ENABL(ING|ED)$/);
  const ResourceArn = stream.replace(/\/stream\/.*/, "");
  const { Tags } = await client.send(new ListTagsOfResourceCommand({ ResourceArn }));
  assert.deepEqual(Tags, [{ Key: "team", Value: "web" }]);
}

async function readStream() {
  const streams = new DynamoDBStreamsClient({});
  const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn: stream }));
  assert.equal(StreamDescription.StreamStatus, "ENABLED");
  let iterators = await Promise.all(
    StreamDescription.Shards.map(async ({ ShardId }) => {
      const start = { StreamArn: stream, ShardId, ShardIteratorType: "TRIM_HORIZON" };
      return (await streams.send(new GetShardIteratorCommand(start))).ShardIterator;
    }),
  );
  const counts = { INSERT: 0, MODIFY: 0, REMOVE: 0 };
  const deadline = Date.now() + FOLLOWED_WITHIN_MS;
  // A stream follows its table in its time. After the last deletion nothing may come.
  for (let fresh = true; fresh || (counts.REMOVE < 2 && Date.now() < deadline); ) {
    const read = iterators.map((ShardIterator) => streams.send(new GetRecordsCommand({ ShardIterator })));
    const pages = await Promise.all(read);
    const records = pages.flatMap((page) => page.Records);
    for (const record of records) {
      assert(record.dynamodb.ApproximateCreationDateTime instanceof Date);
      counts[record.eventName] += 1;
    }
    iterators = pages.map((page) => page.NextShardIterator);
    fresh = records.length > 0;
  }
  return counts;
}

async function deleteTable() {
  await client.send(new DeleteTableCommand({ TableName }));
  await waitUntilTableNotExists({ client, maxWaitTime: 30, minDelay: 1 }, { TableName });
  await assert.rejects(
    documents.send(new GetCommand({ TableName, Key: keyOf(comments[0]) })),
    (refusal) => refusal instanceof ResourceNotFoundException,
  );
}

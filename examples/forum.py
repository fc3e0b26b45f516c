"""A forum: posts by time, posts by likes, comments by time. Three orders of the same things, each read by one Query.

* Posts by time: the sort key of the table.
* Posts by likes: a local secondary index. It has the table's partition key and a sort key of its own, and can be read with
  strong consistency: a like that was acknowledged is in the order that is read next.
* Comments by time: a global secondary index. Comments are kept under who wrote them, and read under what they are about.

    python examples/forum.py          (a server on localhost:8000, or wherever AWS_ENDPOINT_URL_DYNAMODB says)
"""

import os
import time
from typing import Any

import boto3
from boto3.dynamodb.conditions import Key

Row = dict[str, Any]


def create_posts(database: Any) -> Any:
    """Posts of a forum in the order of time, and by likes."""
    return database.create_table(
        TableName="Posts",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "forum", "AttributeType": "S"},
            {"AttributeName": "posted_at", "AttributeType": "S"},
            {"AttributeName": "likes", "AttributeType": "N"},
        ],
        KeySchema=_key("forum", "posted_at"),
        LocalSecondaryIndexes=[
            {"IndexName": "by-likes", "KeySchema": _key("forum", "likes"), "Projection": {"ProjectionType": "ALL"}}
        ],
    )


def create_comments(database: Any) -> Any:
    """Comments of an author, and of a post in the order of time."""
    return database.create_table(
        TableName="Comments",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("author", "commented_at", "post")
        ],
        KeySchema=_key("author", "commented_at"),
        GlobalSecondaryIndexes=[
            {"IndexName": "by-post", "KeySchema": _key("post", "commented_at"), "Projection": {"ProjectionType": "ALL"}}
        ],
    )


def write_post(posts: Any, forum: str, posted_at: str, title: str) -> None:
    """Nobody likes it yet."""
    posts.put_item(Item={"forum": forum, "posted_at": posted_at, "title": title, "likes": 0})


def like(posts: Any, forum: str, posted_at: str) -> int:
    """One more; how many there are. Two at once count as two."""
    liked = posts.update_item(
        Key={"forum": forum, "posted_at": posted_at},
        UpdateExpression="ADD likes :one",
        ExpressionAttributeValues={":one": 1},
        ReturnValues="UPDATED_NEW",
    )
    return int(liked["Attributes"]["likes"])


def write_comment(comments: Any, author: str, commented_at: str, post: str, text: str) -> None:
    """`post` names what it is about."""
    comments.put_item(Item={"author": author, "commented_at": commented_at, "post": post, "text": text})


def latest_posts(posts: Any, forum: str, since: str, count: int) -> list[Row]:
    """The newest first, none from before `since`."""
    wanted = Key("forum").eq(forum) & Key("posted_at").gte(since)
    return _rows(posts.query(KeyConditionExpression=wanted, ScanIndexForward=False, Limit=count))


def most_liked_posts(posts: Any, forum: str, count: int) -> list[Row]:
    """By likes, as they are at this moment."""
    return _rows(
        posts.query(
            IndexName="by-likes",
            KeyConditionExpression=Key("forum").eq(forum),
            ScanIndexForward=False,
            Limit=count,
            ConsistentRead=True,
        )
    )


def comments_on(comments: Any, post: str) -> list[Row]:
    """The oldest first."""
    return _rows(comments.query(IndexName="by-post", KeyConditionExpression=Key("post").eq(post)))


def _rows(page: dict[str, Any]) -> list[Row]:
    rows: list[Row] = page["Items"]
    return rows


def _key(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def main() -> None:
    """Three posts, three likes, two comments."""
    database = boto3.resource(
        "dynamodb",
        endpoint_url=os.environ.get("AWS_ENDPOINT_URL_DYNAMODB", "http://localhost:8000"),
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    posts, comments = create_posts(database), create_comments(database)
    posts.wait_until_exists()
    comments.wait_until_exists()
    write_post(posts, "india", "2026-11-01T08:00", "Monsoon")
    write_post(posts, "india", "2026-11-19T09:30", "Night trains")
    write_post(posts, "india", "2026-11-20T17:10", "Filter coffee")
    for liked in ("2026-11-19T09:30", "2026-11-20T17:10", "2026-11-19T09:30"):
        like(posts, "india", liked)
    write_comment(comments, "ravi", "2026-11-20T10:00", "india/2026-11-19T09:30", "Side lower!")
    write_comment(comments, "meera", "2026-11-20T09:00", "india/2026-11-19T09:30", "Which one?")

    print("this week:", [post["title"] for post in latest_posts(posts, "india", "2026-11-15", 10)])
    print("most liked:", [f"{post['title']} ({post['likes']})" for post in most_liked_posts(posts, "india", 2)])
    while len(said := comments_on(comments, "india/2026-11-19T09:30")) < 2:
        time.sleep(0.05)  # a global index is eventually consistent
    print("said:", [f"{comment['author']}: {comment['text']}" for comment in said])
    posts.delete()
    comments.delete()


if __name__ == "__main__":
    main()

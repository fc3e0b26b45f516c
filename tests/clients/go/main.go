// Films by year, on the AWS SDK for Go v2: its waiters, paginators, expression builder, marshalling and typed errors.
// The environment says where DynamoDB is. What the program makes of the answers it checks itself; the last line it
// prints, one JSON object, is for the test.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	year           = 1999
	filmCount      = 40 // more than a batch of 25
	patience       = 30 * time.Second
	followedWithin = 20 * time.Second
)

var table = aws.String("go-films")

type film struct {
	Year    int                 `dynamodbav:"Year"`
	Title   string              `dynamodbav:"Title"`
	Genre   string              `dynamodbav:"Genre"`
	Rating  float64             `dynamodbav:"Rating"`
	Cast    []string            `dynamodbav:"Cast,stringset"`
	Poster  []byte              `dynamodbav:"Poster,omitempty"`
	Credits map[string][]string `dynamodbav:"Credits"`
	Shown   time.Time           `dynamodbav:"Shown,unixtime"`
	Sequel  *string             `dynamodbav:"Sequel"`
}

type key struct {
	Year  int    `dynamodbav:"Year"`
	Title string `dynamodbav:"Title"`
}

type films struct {
	*dynamodb.Client
	context.Context
}

func main() {
	log.SetFlags(log.Lshortfile)
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	configuration, err := config.LoadDefaultConfig(ctx)
	must(err)
	f := films{dynamodb.NewFromConfig(configuration), ctx}

	arn := f.create()
	written := f.writeAll()
	seen := map[string]any{"pages": f.queryPages(written), "rated": f.queryIndexes(written), "scanned": f.scan(written)}
	f.getBatch(written)
	f.changeUnderConditions(written[0])
	f.describe(arn)
	f.remove()
	must(json.NewEncoder(os.Stdout).Encode(seen))
}

func (f films) create() *string {
	attribute := func(name string, kind types.ScalarAttributeType) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &name, AttributeType: kind}
	}
	keys := func(partition, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{
			{AttributeName: &partition, KeyType: types.KeyTypeHash},
			{AttributeName: &sort, KeyType: types.KeyTypeRange},
		}
	}
	everything := &types.Projection{ProjectionType: types.ProjectionTypeAll}
	created, err := f.CreateTable(f, &dynamodb.CreateTableInput{
		TableName: table,
		AttributeDefinitions: []types.AttributeDefinition{
			attribute("Year", types.ScalarAttributeTypeN),
			attribute("Title", types.ScalarAttributeTypeS),
			attribute("Genre", types.ScalarAttributeTypeS),
			attribute("Rating", types.ScalarAttributeTypeN),
		},
		KeySchema: keys("Year", "Title"),
		LocalSecondaryIndexes: []types.LocalSecondaryIndex{
			{IndexName: aws.String("ByRating"), KeySchema: keys("Year", "Rating"), Projection: everything},
		},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{
			{IndexName: aws.String("ByGenre"), KeySchema: keys("Genre", "Rating"), Projection: everything},
		},
		BillingMode: types.BillingModePayPerRequest,
		Tags:        []types.Tag{{Key: aws.String("team"), Value: aws.String("cinema")}},
	})
	must(err)
	waiter := dynamodb.NewTableExistsWaiter(f, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = time.Second })
	must(waiter.Wait(f, &dynamodb.DescribeTableInput{TableName: table}, patience))
	return created.TableDescription.TableArn
}

func (f films) writeAll() []film {
	written := make([]film, filmCount)
	for n := range written {
		written[n] = film{
			Year: year, Title: fmt.Sprintf("film %02d", n), Genre: []string{"drama", "comedy"}[n%2],
			Rating: float64((n*7)%filmCount) / 8, Cast: []string{"ann", "bob"}, Poster: []byte{0, byte(n)},
			Credits: map[string][]string{"music": {"cem"}, "camera": {}}, Shown: time.Unix(int64(n)*86400, 0),
		}
	}
	for batch := range slices.Chunk(written, 25) {
		requests := make([]types.WriteRequest, len(batch))
		for n, one := range batch {
			requests[n] = types.WriteRequest{PutRequest: &types.PutRequest{Item: marshal(one)}}
		}
		unwritten := map[string][]types.WriteRequest{*table: requests}
		for len(unwritten) > 0 {
			answer, err := f.BatchWriteItem(f, &dynamodb.BatchWriteItemInput{RequestItems: unwritten})
			must(err)
			unwritten = answer.UnprocessedItems
		}
	}
	answer, err := f.GetItem(f, &dynamodb.GetItemInput{
		TableName: table, Key: marshal(key{year, "film 07"}), ConsistentRead: aws.Bool(true),
	})
	must(err)
	equal(unmarshal([]map[string]types.AttributeValue{answer.Item}), written[7:8])
	return written
}

func (f films) queryPages(written []film) []int {
	asked := build(expression.NewBuilder().WithKeyCondition(
		expression.Key("Year").Equal(expression.Value(year)).
			And(expression.Key("Title").Between(expression.Value("film 10"), expression.Value("film 34")))))
	pages := dynamodb.NewQueryPaginator(f, &dynamodb.QueryInput{
		TableName: table, KeyConditionExpression: asked.KeyCondition(), ExpressionAttributeNames: asked.Names(),
		ExpressionAttributeValues: asked.Values(), Limit: aws.Int32(10), ScanIndexForward: aws.Bool(false),
		ConsistentRead: aws.Bool(true),
	})
	var found []film
	var sizes []int
	for pages.HasMorePages() {
		page, err := pages.NextPage(f)
		must(err)
		found = append(found, unmarshal(page.Items)...)
		sizes = append(sizes, len(page.Items))
	}
	expected := slices.Clone(written[10:35])
	slices.Reverse(expected)
	equal(found, expected)
	return sizes
}

// The local index answers at once and consistently; the global one in its time. Returns the best title of each.
func (f films) queryIndexes(written []film) []string {
	byRating := slices.SortedFunc(slices.Values(written), func(a, b film) int { return int(8 * (b.Rating - a.Rating)) })
	ask := func(index, partition string, value any, consistent bool) []film {
		asked := build(expression.NewBuilder().
			WithKeyCondition(expression.Key(partition).Equal(expression.Value(value))))
		answer, err := f.Query(f, &dynamodb.QueryInput{
			TableName: table, IndexName: &index, KeyConditionExpression: asked.KeyCondition(), ConsistentRead: &consistent,
			ExpressionAttributeNames: asked.Names(), ExpressionAttributeValues: asked.Values(),
			ScanIndexForward: aws.Bool(false),
		})
		must(err)
		return unmarshal(answer.Items)
	}
	local := ask("ByRating", "Year", year, true)
	equal(local, byRating)
	comedies := slices.DeleteFunc(slices.Clone(byRating), func(one film) bool { return one.Genre != "comedy" })
	global := ask("ByGenre", "Genre", "comedy", false)
	for deadline := time.Now().Add(followedWithin); len(global) < len(comedies) && time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
		global = ask("ByGenre", "Genre", "comedy", false)
	}
	equal(global, comedies)
	return []string{local[0].Title, global[0].Title}
}

func (f films) scan(written []film) int {
	asked := build(expression.NewBuilder().
		WithFilter(expression.Name("Rating").LessThan(expression.Value(2)).
			And(expression.Contains(expression.Name("Cast"), "bob"))).
		WithProjection(expression.NamesList(expression.Name("Title"), expression.Name("Rating"))))
	var found []film
	for segment := range int32(3) {
		pages := dynamodb.NewScanPaginator(f, &dynamodb.ScanInput{
			TableName: table, FilterExpression: asked.Filter(), ProjectionExpression: asked.Projection(),
			ExpressionAttributeNames: asked.Names(), ExpressionAttributeValues: asked.Values(),
			Limit: aws.Int32(7), Segment: &segment, TotalSegments: aws.Int32(3), ConsistentRead: aws.Bool(true),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(f)
			must(err)
			found = append(found, unmarshal(page.Items)...)
		}
	}
	slices.SortFunc(found, func(a, b film) int { return int(8 * (a.Rating - b.Rating)) })
	var expected []film
	for _, one := range slices.SortedFunc(slices.Values(written), func(a, b film) int { return int(8 * (a.Rating - b.Rating)) }) {
		if one.Rating < 2 {
			expected = append(expected, film{Title: one.Title, Rating: one.Rating})
		}
	}
	equal(found, expected)
	return len(found)
}

func (f films) getBatch(written []film) {
	keys := []map[string]types.AttributeValue{marshal(key{year, "never shot"})}
	for _, one := range written[:5] {
		keys = append(keys, marshal(key{one.Year, one.Title}))
	}
	answer, err := f.BatchGetItem(f, &dynamodb.BatchGetItemInput{
		RequestItems: map[string]types.KeysAndAttributes{*table: {Keys: keys, ConsistentRead: aws.Bool(true)}},
	})
	must(err)
	equal(len(answer.UnprocessedKeys), 0)
	found := unmarshal(answer.Responses[*table])
	slices.SortFunc(found, func(a, b film) int { return int(a.Shown.Unix() - b.Shown.Unix()) })
	equal(found, written[:5])
}

func (f films) changeUnderConditions(one film) {
	_, err := f.PutItem(f, &dynamodb.PutItemInput{
		TableName: table, Item: marshal(key{one.Year, one.Title}),
		ConditionExpression:                 aws.String("attribute_not_exists(Title)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var refusal *types.ConditionalCheckFailedException
	if !errors.As(err, &refusal) {
		log.Fatalf("an existing film was overwritten: %v", err)
	}
	equal(unmarshal([]map[string]types.AttributeValue{refusal.Item}), []film{one})

	asked := build(expression.NewBuilder().
		WithUpdate(expression.
			Set(expression.Name("Rating"), expression.Name("Rating").Plus(expression.Value(2.5))).
			Set(expression.Name("Credits.music[1]"), expression.Value("dan")).
			Add(expression.Name("Cast"), expression.Value(&types.AttributeValueMemberSS{Value: []string{"eve"}})).
			Remove(expression.Name("Poster"))).
		WithCondition(expression.Name("Sequel").AttributeType(expression.Null)))
	answer, err := f.UpdateItem(f, &dynamodb.UpdateItemInput{
		TableName: table, Key: marshal(key{one.Year, one.Title}), UpdateExpression: asked.Update(),
		ConditionExpression: asked.Condition(), ExpressionAttributeNames: asked.Names(),
		ExpressionAttributeValues: asked.Values(), ReturnValues: types.ReturnValueAllNew,
	})
	must(err)
	changed := one
	changed.Rating += 2.5
	changed.Credits = map[string][]string{"music": {"cem", "dan"}, "camera": {}}
	changed.Cast = []string{"ann", "bob", "eve"}
	changed.Poster = nil
	equal(unmarshal([]map[string]types.AttributeValue{answer.Attributes}), []film{changed})

	gone, err := f.DeleteItem(f, &dynamodb.DeleteItemInput{
		TableName: table, Key: marshal(key{one.Year, one.Title}), ReturnValues: types.ReturnValueAllOld,
	})
	must(err)
	equal(unmarshal([]map[string]types.AttributeValue{gone.Attributes}), []film{changed})
}

func (f films) describe(arn *string) {
	description, err := f.DescribeTable(f, &dynamodb.DescribeTableInput{TableName: table})
	must(err)
	equal(description.Table.TableStatus, types.TableStatusActive)
	equal(*description.Table.LocalSecondaryIndexes[0].IndexName, "ByRating")
	equal(time.Since(*description.Table.CreationDateTime) < 5*time.Minute, true)
	_, err = f.UpdateTimeToLive(f, &dynamodb.UpdateTimeToLiveInput{
		TableName:               table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{Enabled: aws.Bool(true), AttributeName: aws.String("Shown")},
	})
	must(err)
	living, err := f.DescribeTimeToLive(f, &dynamodb.DescribeTimeToLiveInput{TableName: table})
	must(err)
	equal(*living.TimeToLiveDescription.AttributeName, "Shown")
	tags, err := f.ListTagsOfResource(f, &dynamodb.ListTagsOfResourceInput{ResourceArn: arn})
	must(err)
	equal(len(tags.Tags), 1)
	equal(*tags.Tags[0].Key+*tags.Tags[0].Value, "teamcinema")
}

func (f films) remove() {
	_, err := f.DeleteTable(f, &dynamodb.DeleteTableInput{TableName: table})
	must(err)
	waiter := dynamodb.NewTableNotExistsWaiter(f, func(o *dynamodb.TableNotExistsWaiterOptions) { o.MinDelay = time.Second })
	must(waiter.Wait(f, &dynamodb.DescribeTableInput{TableName: table}, patience))
	_, err = f.DescribeTable(f, &dynamodb.DescribeTableInput{TableName: table})
	var unknown *types.ResourceNotFoundException
	if !errors.As(err, &unknown) {
		log.Fatalf("a deleted table is described: %v", err)
	}
}

func build(builder expression.Builder) expression.Expression {
	built, err := builder.Build()
	must(err)
	return built
}

func marshal(value any) map[string]types.AttributeValue {
	item, err := attributevalue.MarshalMap(value)
	must(err)
	return item
}

// Sets have no order: the program keeps them sorted.
func unmarshal(items []map[string]types.AttributeValue) []film {
	var found []film
	must(attributevalue.UnmarshalListOfMaps(items, &found))
	for _, one := range found {
		slices.Sort(one.Cast)
	}
	return found
}

func equal(found, expected any) {
	if !reflect.DeepEqual(found, expected) {
		log.Output(2, fmt.Sprintf("found %v\nexpected %v", found, expected))
		os.Exit(1)
	}
}

func must(err error) {
	if err != nil {
		log.Output(2, err.Error())
		os.Exit(1)
	}
}

// linearizable reads a history from its standard input, one JSON object a line, and says on its standard output whether each
// item could have been one register: `{"verdict": …, "items": …, "operations": …, "not_linearizable": […], "undecided": […]}`.
//
// Items are judged one by one, since a history is linearizable if that of each item is. An operation whose outcome is not
// known stays open for ever: it may happen at any moment after it was asked for, or never. It exits with 0 whatever the
// verdict, and with 2 when what it reads is no history.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"
)

// An item is its value, or absent: a list of one or none, which tells absent from empty.
type item []string

type operation struct {
	Key     string `json:"key"`
	AskedAt int64  `json:"asked_at"` // any unit, one clock
	ToldAt  *int64 `json:"told_at"`  // null: the outcome is not known
	Verb    string `json:"verb"`     // get, put, update (adds a number), delete
	Value   string `json:"value"`
	If      *item  `json:"if"`      // the write's condition: the item is this; null: none
	Refused bool   `json:"refused"` // the condition was false
	Before  *item  `json:"before"`  // what was shown of the item before; null: not shown
	After   *item  `json:"after"`   // what was shown of the item after
}

func (o operation) applied(old item) item {
	switch o.Verb {
	case "put":
		return item{o.Value}
	case "delete":
		return item{}
	case "update":
		sum, _ := strconv.ParseInt(o.Value, 10, 64)
		if len(old) == 1 {
			// What is no number stays as it was: nobody writes one into an item that is counted.
			count, err := strconv.ParseInt(old[0], 10, 64)
			if err != nil {
				return old
			}
			sum += count
		}
		return item{strconv.FormatInt(sum, 10)}
	default:
		return old
	}
}

// step says whether an operation can have had its answer from an item, and what the item is then.
func step(state, input, _ any) (bool, any) {
	old, asked := state.(item), input.(operation)
	holds := asked.If == nil || slices.Equal(*asked.If, old)
	after := old
	if holds {
		after = asked.applied(old)
	}
	if asked.ToldAt == nil {
		return true, after
	}
	told := holds != asked.Refused &&
		(asked.Before == nil || slices.Equal(*asked.Before, old)) &&
		(asked.After == nil || slices.Equal(*asked.After, after))
	return told, after
}

var register = porcupine.Model{
	Init:  func() any { return item{} },
	Step:  step,
	Equal: func(one, other any) bool { return slices.Equal(one.(item), other.(item)) },
}

func (o operation) malformed() error {
	_, notANumber := strconv.ParseInt(o.Value, 10, 64)
	switch {
	case !slices.Contains([]string{"get", "put", "update", "delete"}, o.Verb):
		return fmt.Errorf("no such verb: %q", o.Verb)
	case o.Verb == "update" && notANumber != nil:
		return fmt.Errorf("an update adds a number, not %q", o.Value)
	case o.ToldAt != nil && *o.ToldAt < o.AskedAt:
		return fmt.Errorf("answered at %d before it was asked at %d", *o.ToldAt, o.AskedAt)
	case o.Refused && o.If == nil:
		return fmt.Errorf("refused without a condition")
	}
	return nil
}

func read(from io.Reader) (map[string][]porcupine.Operation, int, error) {
	histories := map[string][]porcupine.Operation{}
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<24)
	number := 0
	for lines.Scan() {
		number++
		var one operation
		err := json.Unmarshal(lines.Bytes(), &one)
		if err == nil {
			err = one.malformed()
		}
		if err != nil {
			return nil, 0, fmt.Errorf("line %d: %w", number, err)
		}
		told := int64(math.MaxInt64)
		if one.ToldAt != nil {
			told = *one.ToldAt
		}
		histories[one.Key] = append(histories[one.Key], porcupine.Operation{Input: one, Call: one.AskedAt, Return: told})
	}
	return histories, number, lines.Err()
}

type result struct {
	Verdict         string   `json:"verdict"`
	Items           int      `json:"items"`
	Operations      int      `json:"operations"`
	NotLinearizable []string `json:"not_linearizable"`
	Undecided       []string `json:"undecided"`
}

func main() {
	patience := flag.Duration("patience", 30*time.Second, "how long one item may take")
	flag.Parse()
	histories, operations, err := read(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	found := result{"linearizable", len(histories), operations, []string{}, []string{}}
	for key, history := range histories {
		switch porcupine.CheckOperationsTimeout(register, history, *patience) {
		case porcupine.Illegal:
			found.NotLinearizable = append(found.NotLinearizable, key)
		case porcupine.Unknown:
			found.Undecided = append(found.Undecided, key)
		}
	}
	slices.Sort(found.NotLinearizable)
	slices.Sort(found.Undecided)
	if len(found.NotLinearizable) > 0 {
		found.Verdict = "not linearizable"
	} else if len(found.Undecided) > 0 {
		found.Verdict = "undecided"
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

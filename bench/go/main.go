// A hand-tuned Go worker for the benchmark: franz-go and pgx, batches of up to 500 records.
//
// Each loop has a connection of its own and works its share of the partitions: all ids of a batch are
// claimed by one statement, the effects follow in one pipelined flight, one transaction a batch.
// Offsets are marked after COMMIT and committed in the background. BENCH_LOOPS (default 1) loops.
//
// Environment: BENCH_KAFKA, BENCH_TOPIC, BENCH_GROUP, BENCH_DATABASE, BENCH_LOOPS. SIGTERM ends it.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	batchMax = 500
	claimSQL = "INSERT INTO processed (event_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING event_id"
	applySQL = "INSERT INTO orders (event_id, order_id, customer, amount, currency, placed_us)" +
		" VALUES ($1, $2, $3, $4::text::numeric, $5, $6)"
)

type uuid = [16]byte

type order struct {
	EventID string `json:"event_id"`
	Payload struct {
		OrderID  int64       `json:"order_id"`
		Customer string      `json:"customer"`
		Amount   json.Number `json:"amount"`
		Currency string      `json:"currency"`
		PlacedUs int64       `json:"placed_us"`
	} `json:"payload"`
	id uuid
}

func parse(record *kgo.Record) (*order, error) {
	made := &order{}
	if err := json.Unmarshal(record.Value, made); err != nil {
		return nil, err
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(made.EventID, "-", ""))
	if err != nil || len(raw) != len(made.id) {
		return nil, errors.New("the event id is no UUID")
	}
	copy(made.id[:], raw)
	return made, nil
}

// unique parses a batch and keeps the first order of each id, with the ids sorted.
func unique(records []*kgo.Record) ([]*order, []uuid, error) {
	orders := make([]*order, 0, len(records))
	ids := make([]uuid, 0, len(records))
	seen := make(map[uuid]bool, len(records))
	for _, record := range records {
		made, err := parse(record)
		if err != nil {
			return nil, nil, err
		}
		if !seen[made.id] {
			seen[made.id] = true
			orders = append(orders, made)
			ids = append(ids, made.id)
		}
	}
	slices.SortFunc(ids, func(a, b uuid) int { return slices.Compare(a[:], b[:]) })
	return orders, ids, nil
}

func claim(ctx context.Context, tx pgx.Tx, ids []uuid) (map[uuid]bool, error) {
	rows, err := tx.Query(ctx, claimSQL, ids)
	if err != nil {
		return nil, err
	}
	claimed, err := pgx.CollectRows(rows, pgx.RowTo[uuid])
	isNew := make(map[uuid]bool, len(claimed))
	for _, id := range claimed {
		isNew[id] = true
	}
	return isNew, err
}

func apply(ctx context.Context, conn *pgx.Conn, records []*kgo.Record) error {
	orders, ids, err := unique(records)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		isNew, err := claim(ctx, tx, ids)
		if err != nil {
			return err
		}
		effects := &pgx.Batch{}
		for _, o := range orders {
			if isNew[o.id] {
				p := &o.Payload
				effects.Queue(applySQL, o.id, p.OrderID, p.Customer, p.Amount.String(), p.Currency, p.PlacedUs)
			}
		}
		return tx.SendBatch(ctx, effects).Close()
	})
}

// loop works what it is given until its channel is closed.
func loop(client *kgo.Client, batches <-chan []*kgo.Record) {
	conn, err := pgx.Connect(context.Background(), os.Getenv("BENCH_DATABASE"))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(context.Background())
	for records := range batches {
		if err := apply(context.Background(), conn, records); err != nil {
			log.Fatal(err)
		}
		client.MarkCommitRecords(records...)
	}
}

// deal gives each loop the records of its partitions, in order, in batches.
func deal(records []*kgo.Record, loops []chan []*kgo.Record) {
	shares := make([][]*kgo.Record, len(loops))
	for _, record := range records {
		share := int(record.Partition) % len(loops)
		shares[share] = append(shares[share], record)
	}
	for i, share := range shares {
		for batch := range slices.Chunk(share, batchMax) {
			loops[i] <- batch
		}
	}
}

func newClient() *kgo.Client {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(os.Getenv("BENCH_KAFKA")),
		kgo.ConsumerGroup(os.Getenv("BENCH_GROUP")),
		kgo.ConsumeTopics(os.Getenv("BENCH_TOPIC")),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AutoCommitMarks(),
		kgo.AutoCommitInterval(100*time.Millisecond),
	)
	if err != nil {
		log.Fatal(err)
	}
	return client
}

func loopCount() int {
	if count, err := strconv.Atoi(os.Getenv("BENCH_LOOPS")); err == nil && count > 0 {
		return count
	}
	return 1
}

func poll(ctx context.Context, client *kgo.Client, loops []chan []*kgo.Record) {
	for ctx.Err() == nil {
		fetches := client.PollRecords(ctx, batchMax*len(loops))
		for _, failed := range fetches.Errors() {
			if !errors.Is(failed.Err, context.Canceled) {
				log.Fatal(failed.Err)
			}
		}
		deal(fetches.Records(), loops)
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	client := newClient()
	loops := make([]chan []*kgo.Record, loopCount())
	var running sync.WaitGroup
	for i := range loops {
		batches := make(chan []*kgo.Record, 4)
		loops[i] = batches
		running.Add(1)
		go func() {
			defer running.Done()
			loop(client, batches)
		}()
	}
	poll(ctx, client, loops)
	for _, batches := range loops {
		close(batches)
	}
	running.Wait()
	if err := client.CommitMarkedOffsets(context.Background()); err != nil {
		log.Fatal(err)
	}
	client.Close()
}

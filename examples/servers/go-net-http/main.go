// Trades of an exchange on net/http: NDJSON, or one JSON array where the path ends in .json.
package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

type trade struct {
	N    int    `json:"n"`
	Text string `json:"text,omitempty"`
}

var (
	produced, open, cancelled, ended atomic.Int64

	newTrades = make(chan trade)
	messages  = []string{"opened", "halted\nfor news", "resumed\r\nat 10:30", "a \"quote\"", "closed\n", "€ 6 😀"}
)

// A source emits its trades one by one, until there are no more or emit fails.
type source func(r *http.Request, emit func(trade) error) error

// stream serves a source. A failure is logged, and then whenFailed decides how the answer ends.
func stream(items source, whenFailed func(error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		open.Add(1)
		defer func() { open.Add(-1); ended.Add(1) }()
		array := strings.HasSuffix(r.URL.Path, ".json")
		w.Header().Set("Content-Type", "application/x-ndjson")
		if array {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, "[")
		}
		flusher, encoder, count := http.NewResponseController(w), json.NewEncoder(w), 0
		flusher.Flush()
		err := items(r, func(item trade) error {
			produced.Add(1)
			if array && count > 0 {
				io.WriteString(w, ",")
			}
			count++
			if err := encoder.Encode(item); err != nil {
				return err
			}
			return flusher.Flush()
		})
		switch {
		case r.Context().Err() != nil:
			cancelled.Add(1)
		case err != nil:
			log.Print(err)
			whenFailed(err)
		case array:
			io.WriteString(w, "]")
		}
	}
}

func cut(error)    { panic(http.ErrAbortHandler) }
func giveUp(error) {}

func trades(count int) source {
	return func(_ *http.Request, emit func(trade) error) error {
		for n := 1; n <= count; n++ {
			if err := emit(trade{N: n}); err != nil {
				return err
			}
		}
		return nil
	}
}

func suspended(r *http.Request, emit func(trade) error) error {
	return errors.Join(trades(3)(r, emit), errors.New("the exchange closed the line"))
}

func live(r *http.Request, emit func(trade) error) error {
	if err := emit(trade{N: 1}); err != nil {
		return err
	}
	for {
		select {
		case item := <-newTrades:
			if err := emit(item); err != nil {
				return err
			}
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
}

func settlement(r *http.Request, emit func(trade) error) error {
	if err := emit(trade{1, "asked"}); err != nil {
		return err
	}
	time.Sleep(300 * time.Millisecond)
	return emit(trade{2, "settled"})
}

func ticker(r *http.Request, emit func(trade) error) error {
	for n := 1; ; n++ {
		if err := emit(trade{N: n}); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func contracts(r *http.Request, emit func(trade) error) error {
	count, err := strconv.Atoi(r.URL.Query().Get("n"))
	scan := make([]byte, 720)
	for n := 1; n <= count && err == nil; n++ {
		rand.Read(scan)
		err = emit(trade{n, base64.StdEncoding.EncodeToString(scan)})
	}
	return err
}

func announced(r *http.Request, emit func(trade) error) error {
	for i, text := range messages {
		if err := emit(trade{i + 1, text}); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	sources := map[string]source{
		"/trades": trades(100), "/holiday": trades(0), "/suspended": suspended, "/live": live,
		"/settlement": settlement, "/ticker": ticker, "/contracts": contracts, "/messages": announced,
	}
	for path, items := range sources {
		http.HandleFunc("GET "+path, stream(items, cut))
		http.HandleFunc("GET "+path+".json", stream(items, giveUp))
	}
	http.HandleFunc("GET /unnoticed", stream(suspended, giveUp))
	http.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]int64{
			"produced": produced.Load(), "open": open.Load(), "cancelled": cancelled.Load(), "ended": ended.Load(),
		})
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}

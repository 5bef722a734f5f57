// Sensors over WebSocket on gorilla/websocket: one goroutine reads until the client closes, the handler writes.
// Below /bare the handler just returns: no Close frame says how it ended, and nobody reads.
package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

type reading struct {
	N    int    `json:"n"`
	Text string `json:"text,omitempty"`
}

var (
	produced, open, cancelled, ended atomic.Int64

	newReadings = make(chan reading)
	names       = []string{"roof", "cellar\nleft", "yard\r\nnorth\r\n", "the \"old\" mast", "Dach 😀", "\u2028"}
	upgrader    = websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}
)

// A source emits its readings one by one, until there are no more, emit fails, or ctx is done.
type source func(ctx context.Context, r *http.Request, emit func(reading) error) error

func sent(conn *websocket.Conn) func(reading) error {
	return func(item reading) error {
		produced.Add(1)
		return conn.WriteJSON(item)
	}
}

// careful reads beside the writes, so that Pings and Closes are answered, and says how the stream ended.
func careful(items source) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		open.Add(1)
		defer func() { open.Add(-1); ended.Add(1) }()
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			defer cancel()
			for {
				if _, _, err := conn.NextReader(); err != nil {
					return
				}
			}
		}()
		err = items(ctx, r, sent(conn))
		code := websocket.CloseNormalClosure
		switch {
		case ctx.Err() != nil:
			cancelled.Add(1)
			return
		case err != nil:
			log.Print(err)
			code = websocket.CloseInternalServerErr
		}
		conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(time.Second))
		select { // the client's Close, for a while
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// bare is what many first versions are.
func bare(items source) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		open.Add(1)
		defer func() { open.Add(-1); ended.Add(1) }()
		if err := items(context.Background(), r, sent(conn)); err != nil {
			log.Print(err)
		}
	}
}

func readings(count int) source {
	return func(_ context.Context, _ *http.Request, emit func(reading) error) error {
		for n := 1; n <= count; n++ {
			if err := emit(reading{N: n}); err != nil {
				return err
			}
		}
		return nil
	}
}

func broken(ctx context.Context, r *http.Request, emit func(reading) error) error {
	return errors.Join(readings(3)(ctx, r, emit), errors.New("the sensor does not answer"))
}

func live(ctx context.Context, _ *http.Request, emit func(reading) error) error {
	if err := emit(reading{N: 1}); err != nil {
		return err
	}
	for {
		select {
		case item := <-newReadings:
			if err := emit(item); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func selfTest(_ context.Context, _ *http.Request, emit func(reading) error) error {
	if err := emit(reading{1, "asked"}); err != nil {
		return err
	}
	time.Sleep(300 * time.Millisecond)
	return emit(reading{2, "passed"})
}

func ticker(ctx context.Context, _ *http.Request, emit func(reading) error) error {
	for n := 1; ctx.Err() == nil; n++ {
		if err := emit(reading{N: n}); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return ctx.Err()
}

func spectra(_ context.Context, r *http.Request, emit func(reading) error) error {
	count, err := strconv.Atoi(r.URL.Query().Get("n"))
	spectrum := make([]byte, 720)
	for n := 1; n <= count && err == nil; n++ {
		rand.Read(spectrum)
		err = emit(reading{n, base64.StdEncoding.EncodeToString(spectrum)})
	}
	return err
}

func named(_ context.Context, _ *http.Request, emit func(reading) error) error {
	for i, text := range names {
		if err := emit(reading{i + 1, text}); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	sources := map[string]source{
		"/readings": readings(100), "/nothing": readings(0), "/broken": broken, "/live": live,
		"/selftest": selfTest, "/ticker": ticker, "/spectra": spectra, "/names": named,
	}
	for path, items := range sources {
		http.HandleFunc("GET "+path, careful(items))
		http.HandleFunc("GET /bare"+path, bare(items))
	}
	http.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]int64{
			"produced": produced.Load(), "open": open.Load(), "cancelled": cancelled.Load(), "ended": ended.Load(),
		})
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}

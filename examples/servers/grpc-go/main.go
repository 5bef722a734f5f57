// Trades of an exchange over grpc-go: server streams of google.protobuf.StringValue, each a JSON text. With the word
// "unnoticed" a failing handler logs and returns nil.
package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"log"
	"net"
	"os"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

type trade struct {
	N    int    `json:"n"`
	Text string `json:"text,omitempty"`
}

var (
	newTrades = make(chan trade)
	unnoticed = len(os.Args) > 2 && os.Args[2] == "unnoticed"
)

// A source emits its trades one by one, until there are no more, emit fails, or ctx is done.
type source func(ctx context.Context, query string, emit func(trade) error) error

// stream is what protoc-gen-go-grpc writes for a method that streams its answer, and the handler behind it.
func stream(name string, items source) grpc.StreamDesc {
	handler := func(_ any, s grpc.ServerStream) error {
		var query wrapperspb.StringValue
		if err := s.RecvMsg(&query); err != nil {
			return err
		}
		err := items(s.Context(), query.Value, func(item trade) error {
			text, err := json.Marshal(item)
			if err != nil {
				return err
			}
			return s.SendMsg(wrapperspb.String(string(text)))
		})
		if err != nil && unnoticed && s.Context().Err() == nil {
			log.Print(err)
			return nil
		}
		return err
	}
	return grpc.StreamDesc{StreamName: name, Handler: handler, ServerStreams: true}
}

func trades(count int) source {
	return func(_ context.Context, _ string, emit func(trade) error) error {
		for n := 1; n <= count; n++ {
			if err := emit(trade{N: n}); err != nil {
				return err
			}
		}
		return nil
	}
}

func suspended(ctx context.Context, query string, emit func(trade) error) error {
	if err := trades(3)(ctx, query, emit); err != nil {
		return err
	}
	return status.Error(codes.Unavailable, "the exchange closed the line")
}

func live(ctx context.Context, _ string, emit func(trade) error) error {
	if err := emit(trade{N: 1}); err != nil {
		return err
	}
	for {
		select {
		case item := <-newTrades:
			if err := emit(item); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func settlement(_ context.Context, _ string, emit func(trade) error) error {
	if err := emit(trade{1, "asked"}); err != nil {
		return err
	}
	time.Sleep(300 * time.Millisecond)
	return emit(trade{2, "settled"})
}

func ticker(_ context.Context, _ string, emit func(trade) error) error {
	for n := 1; ; n++ {
		if err := emit(trade{N: n}); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func contracts(_ context.Context, query string, emit func(trade) error) error {
	count, err := strconv.Atoi(query)
	if err != nil {
		return status.Error(codes.InvalidArgument, "how many?")
	}
	scan := make([]byte, 720)
	for n := 1; n <= count && err == nil; n++ {
		rand.Read(scan)
		err = emit(trade{n, base64.StdEncoding.EncodeToString(scan)})
	}
	return err
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "exchange.Trades",
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{
			stream("Day", trades(100)), stream("Holiday", trades(0)), stream("Suspended", suspended), stream("Live", live),
			stream("Settlement", settlement), stream("Ticker", ticker), stream("Contracts", contracts),
		},
	}, struct{}{})
	log.Fatal(server.Serve(listener))
}

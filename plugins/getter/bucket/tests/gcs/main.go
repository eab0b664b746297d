// Serves Google Cloud Storage with some objects, the first argument's number of them below `many/` in `pail`.
//
// Prints where, and the generation of the first `v.yaml` in `kept`, as JSON. `pail` and `kept` are for who shows the token,
// `open` is for everyone, of `half` only the names may be seen, and of `shut` nothing. Then each line of its standard input is
// an order, {"bucket", "key", "body"}, to put an object, or to delete it where the body is null; each is answered with a line
// once it is done. It ends with its input.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

const token = "the-token"

type order struct {
	Bucket string  `json:"bucket"`
	Key    string  `json:"key"`
	Body   *string `json:"body"`
}

func main() {
	log.SetFlags(0)
	many, err := strconv.Atoi(os.Args[1])
	check(err)
	store, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true})
	check(err)
	version := fill(store, many)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go func() { check(http.Serve(listener, guard(store.HTTPHandler()))) }()
	told := map[string]any{
		"port":    listener.Addr().(*net.TCPAddr).Port,
		"token":   token,
		"version": version,
		"many":    many,
	}
	check(json.NewEncoder(os.Stdout).Encode(told))
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		var wanted order
		check(json.Unmarshal(orders.Bytes(), &wanted))
		if wanted.Body == nil {
			check(store.Backend().DeleteObject(wanted.Bucket, wanted.Key))
		} else {
			put(store, wanted.Bucket, wanted.Key, *wanted.Body)
		}
		fmt.Println()
	}
}

func fill(store *fakestorage.Server, many int) int64 {
	for _, bucket := range []string{"pail", "open", "half", "shut"} {
		store.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: bucket})
	}
	store.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "kept", VersioningEnabled: true})
	for _, key := range []string{"team/", "team/a.yaml", "team/b/c d+ü&<.yaml", "team-b/x.yaml", "odd/a//b.yaml", "odd/good.yaml"} {
		put(store, "pail", key, key)
	}
	for number := range many {
		put(store, "pail", fmt.Sprintf("many/%04d.yaml", number), "x")
	}
	for _, key := range []string{"app", "app/a.yaml", "app-b"} {
		put(store, "half", key, "seen by its name only")
	}
	put(store, "shut", "a.yaml", "shut")
	put(store, "open", "a.yaml", "for everyone")
	put(store, "kept", "v.yaml", "first")
	first, err := store.GetObject("kept", "v.yaml")
	check(err)
	put(store, "kept", "v.yaml", "second")
	return first.Generation
}

func put(store *fakestorage.Server, bucket, key, body string) {
	attributes := fakestorage.ObjectAttrs{BucketName: bucket, Name: key}
	store.CreateObject(fakestorage.Object{ObjectAttrs: attributes, Content: []byte(body)})
}

// guard answers as Google does to who may not, which the store itself never does.
func guard(store http.Handler) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, asked *http.Request) {
		bucket, object, _ := strings.Cut(strings.TrimPrefix(asked.URL.EscapedPath(), "/storage/v1/b/"), "/o")
		shown := asked.Header.Get("Authorization")
		switch {
		case bucket == "open" && shown == "":
			store.ServeHTTP(answer, asked)
		case shown != "Bearer "+token:
			http.Error(answer, "{}", http.StatusUnauthorized)
		case bucket == "shut" || (bucket == "half" && object != ""):
			http.Error(answer, "{}", http.StatusForbidden)
		default:
			store.ServeHTTP(answer, asked)
		}
	})
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

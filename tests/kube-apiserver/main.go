// Command kube-apiserver is Kubernetes' own with the etcd it keeps its objects in, in one process, for tests and measurements
// on machines that have neither.
//
// Its arguments are a directory, which etcd keeps its files in, and flags of kube-apiserver. It lives as long as its standard
// input is open: whoever started it is gone then, and it removes the directory. Each line `compact` there makes etcd forget all
// revisions but the present one, which is then told on standard output.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log"
	"net/url"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

const compact = "compact"

func main() {
	// Not the flags of the whole program, which libraries add theirs to.
	flags := flag.NewFlagSet(os.Args[0], flag.ExitOnError)
	forgetful := flags.Bool("no-fsync", false, "what etcd has written may be lost with the machine, not with the process")
	// It ends the program if it fails.
	_ = flags.Parse(os.Args[1:])
	if flags.NArg() == 0 {
		log.Fatal("usage: kube-apiserver [-no-fsync] DIRECTORY [FLAG...]")
	}
	etcd, err := startEtcd(filepath.Join(flags.Arg(0), "etcd"), *forgetful)
	if err != nil {
		log.Fatal(err)
	}
	go obey(etcd.Server, flags.Arg(0))
	servers := "--etcd-servers=http://" + etcd.Clients[0].Addr().String()
	os.Args = append([]string{os.Args[0], servers}, flags.Args()[1:]...)
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}

// startEtcd returns when etcd serves.
func startEtcd(directory string, forgetful bool) (*embed.Etcd, error) {
	anywhere := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	config := embed.NewConfig()
	config.Dir = directory
	config.LogLevel = "error"
	config.UnsafeNoFsync = forgetful
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{anywhere}, []url.URL{anywhere}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{anywhere}, []url.URL{anywhere}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return nil, err
	}
	<-etcd.Server.ReadyNotify()
	return etcd, nil
}

// obey does what standard input says until its end, which is the program's.
func obey(server *etcdserver.EtcdServer, directory string) {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if lines.Text() != compact {
			log.Fatalf("%q is no order", lines.Text())
		}
		// A revision of its own: of the one that is kept, a watch would be told without what was there before.
		put, err := server.Put(context.Background(), &etcdserverpb.PutRequest{Key: []byte(compact)})
		if err != nil {
			log.Fatal(err)
		}
		request := etcdserverpb.CompactionRequest{Revision: put.Header.Revision, Physical: true}
		if _, err := server.Compact(context.Background(), &request); err != nil {
			log.Fatal(err)
		}
		fmt.Println("compacted", request.Revision)
	}
	if err := os.RemoveAll(directory); err != nil {
		log.Fatal(err)
	}
	os.Exit(0)
}

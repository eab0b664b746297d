// Command kube-apiserver is Kubernetes' own with the etcd it keeps its objects in, in one process, for measurements on
// machines that have neither. It has one argument, a directory for everything it keeps, and writes a kubeconfig there.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log"
	"net"
	"net/url"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

const (
	loopback = "127.0.0.1"
	token    = "peer"
	private  = 0o600
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: kube-apiserver DIRECTORY")
	}
	flags, err := prepare(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	os.Args = append(os.Args[:1], flags...)
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}

// prepare starts etcd, writes what clients and server have to know, and returns the server's flags.
func prepare(directory string) ([]string, error) {
	etcd, err := startEtcd(filepath.Join(directory, "etcd"))
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	key, tokens := filepath.Join(directory, "service-accounts.pem"), filepath.Join(directory, "tokens.csv")
	if err := writeKey(key); err != nil {
		return nil, err
	}
	if err := os.WriteFile(tokens, []byte(token+",peer,peer,system:masters\n"), private); err != nil {
		return nil, err
	}
	kubeconfig := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: peer, cluster: {server: "https://%s:%d", insecure-skip-tls-verify: true}}]
users: [{name: peer, user: {token: %s}}]
contexts: [{name: peer, context: {cluster: peer, user: peer}}]
current-context: peer
`, loopback, port, token)
	if err := os.WriteFile(filepath.Join(directory, "kubeconfig"), []byte(kubeconfig), private); err != nil {
		return nil, err
	}
	return []string{
		"--etcd-servers=http://" + etcd,
		"--bind-address=" + loopback,
		fmt.Sprintf("--secure-port=%d", port),
		"--cert-dir=" + filepath.Join(directory, "certificates"),
		"--token-auth-file=" + tokens,
		"--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.0.0.0/24",
		"--service-account-issuer=https://" + loopback,
		"--service-account-key-file=" + key,
		"--service-account-signing-key-file=" + key,
		// There is no controller that would make them.
		"--disable-admission-plugins=ServiceAccount",
	}, nil
}

// startEtcd returns the address that clients find it at.
func startEtcd(directory string) (string, error) {
	anywhere := url.URL{Scheme: "http", Host: loopback + ":0"}
	config := embed.NewConfig()
	config.Dir = directory
	config.LogLevel = "error"
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{anywhere}, []url.URL{anywhere}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{anywhere}, []url.URL{anywhere}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return "", err
	}
	<-etcd.Server.ReadyNotify()
	return etcd.Clients[0].Addr().String(), nil
}

// freePort asks the system for a port that nobody has.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// writeKey makes a key that nobody else uses.
func writeKey(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), private)
}

// Gets a source with go-getter into a directory, as its own command does.
package main

import (
	"context"
	"fmt"
	"os"

	getter "github.com/hashicorp/go-getter"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: peer SOURCE DIRECTORY")
		os.Exit(2)
	}
	client := &getter.Client{
		Ctx:  context.Background(),
		Src:  os.Args[1],
		Dst:  os.Args[2],
		Pwd:  "/",
		Mode: getter.ClientModeDir,
	}
	if err := client.Get(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

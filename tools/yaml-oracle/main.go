// Command yaml-oracle prints what Kubernetes makes of YAML files.
//
// It splits each file with apimachinery's YAMLReader and reads each document with
// sigs.k8s.io/yaml, as kubectl does. Every document gives one line of JSON.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// document is what Kubernetes makes of one document.
type document struct {
	// File is the name as given.
	File string `json:"file"`
	// JSON is the document's value, absent when it cannot be read.
	JSON json.RawMessage `json:"json,omitempty"`
	// Error says why it cannot be read.
	Error string `json:"error,omitempty"`
	// Strict says why strict field validation refuses it: a key is written twice.
	Strict string `json:"strict,omitempty"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "yaml-oracle:", err)
		os.Exit(1)
	}
}

// run reads file names, one a line.
func run(names io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(names)
	buffered := bufio.NewWriter(out)
	for lines.Scan() {
		if err := file(lines.Text(), json.NewEncoder(buffered)); err != nil {
			return err
		}
	}
	return errors.Join(lines.Err(), buffered.Flush())
}

func file(name string, out *json.Encoder) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			// A separator that is not alone on its line: kubectl reads no further.
			return out.Encode(document{File: name, Error: err.Error()})
		}
		if err := out.Encode(judge(name, text)); err != nil {
			return err
		}
	}
}

func judge(name string, text []byte) document {
	value, err := yaml.YAMLToJSON(text)
	if err != nil {
		return document{File: name, Error: err.Error()}
	}
	result := document{File: name, JSON: value}
	if _, err := yaml.YAMLToJSONStrict(text); err != nil {
		result.Strict = err.Error()
	}
	return result
}

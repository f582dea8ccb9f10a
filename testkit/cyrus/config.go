package cyrus

import "strings"

// files are Cyrus's own config. A setting with a service's name before it is
// that service's alone.
func (s *Server) files(user, group string) map[string]string {
	naming, domains := "altnamespace: no\nunixhierarchysep: no\n", "userid"
	if s.options.Namespace == "alternative" {
		naming = "altnamespace: yes\nunixhierarchysep: yes\n"
	}
	if s.options.LocalParts {
		domains = "off"
	}
	r := strings.NewReplacer("<dir>", s.dir, "<user>", user, "<group>", group, "<naming>", naming, "<domains>", domains,
		"<plain>", s.Plain, "<secure>", s.TLS, "<writable>", s.Writable, "<feed>", s.feed, "<master>", Master, "<feeder>", feeder)
	return map[string]string{
		"imapd.conf": r.Replace(`configdirectory: <dir>/conf
proc_path: <dir>/proc
mboxname_lockpath: <dir>/lock
defaultpartition: default
partition-default: <dir>/spool
cyrus_user: <user>
cyrus_group: <group>
servername: localhost
<naming>virtdomains: <domains>
allowplaintext: yes
failedloginpause: 0
sasl_mech_list: PLAIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: <dir>/sasldb
tls_server_cert: <dir>/ca.crt
tls_server_key: <dir>/key
feed_proxyservers: <feeder>
feed_autocreate_quota: 10240
feed_autocreate_inbox_folders: Junk
feed_xlist-Junk: Junk
postern_proxyservers: <master>
postern_readonly: yes
postern_admins: none
posterns_proxyservers: <master>
posterns_readonly: yes
posterns_admins: none
writable_proxyservers: <master>
`),
		"cyrus.conf": r.Replace(`START {
}
SERVICES {
  feed cmd="<dir>/cyrus/bin/imapd -C <dir>/imapd.conf" listen="<feed>" prefork=0
  postern cmd="<dir>/cyrus/bin/imapd -C <dir>/imapd.conf" listen="<plain>" prefork=0
  posterns cmd="<dir>/cyrus/bin/imapd -s -C <dir>/imapd.conf" listen="<secure>" prefork=0
  writable cmd="<dir>/cyrus/bin/imapd -C <dir>/imapd.conf" listen="<writable>" prefork=0
}
EVENTS {
}
`),
	}
}

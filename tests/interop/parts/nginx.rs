//! nginx, as a web server in front of what is protected.

use tempfile::TempDir;

use super::{Part, change, free_port};
use crate::support::Address;

/// nginx, with a few servers in it.
pub struct Nginx {
    _part: Part,
    _folder: TempDir,
    ports: Vec<u16>,
}

impl Nginx {
    /// Starts it with a server block for each of these texts, which stand in it as they are.
    pub fn start(texts: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports: Vec<_> = texts.iter().map(|_| free_port()).collect();
        let servers: String = texts
            .iter()
            .zip(&ports)
            .map(|(text, port)| format!("server {{\nlisten 127.0.0.1:{port};\n{text}\n}}\n"))
            .collect();
        // The folder is open to its owner alone; workers of another user couldn't use it.
        let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|path| format!("{path}_temp_path {}/{path};\n", folder.path().display()))
            .concat();
        Self::run(folder, ports, "", &format!("http {{\naccess_log off;\n{paths}{servers}}}\n"))
    }

    /// Starts it as a proxy for mail, with this text, in which these two ports are replaced by others, in their order.
    pub fn start_mail(text: &str, listened: [&str; 2]) -> Self {
        let ports = vec![free_port(), free_port()];
        let mut text = text.to_owned();
        for (listens, port) in listened.iter().zip(&ports) {
            text = change(&text, &format!("listen {listens};"), &format!("listen 127.0.0.1:{port};"));
        }
        let module = "load_module /usr/lib/nginx/modules/ngx_mail_module.so;\n";
        Self::run(tempfile::tempdir().unwrap(), ports, module, &text)
    }

    fn run(folder: TempDir, ports: Vec<u16>, before: &str, text: &str) -> Self {
        let whole = format!(
            "{before}user root root;\ndaemon off;\npid {}/pid;\nerror_log stderr notice;\nworker_processes 1;\n\
             events {{}}\n{text}",
            folder.path().display()
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, whole).unwrap();
        let part = Part::start("nginx", folder.path(), &["-e", "stderr", "-c", file.to_str().unwrap()]);
        // It listens before it starts those who answer.
        part.err.line_with("start worker process ").expect("nginx starts");
        Self { _part: part, _folder: folder, ports }
    }

    /// The port of the server with this number.
    pub fn port(&self, number: usize) -> u16 {
        self.ports[number]
    }

    /// Where the server block with this number is.
    pub fn address(&self, number: usize) -> Address {
        Address::Tcp(([127, 0, 0, 1], self.ports[number]).into())
    }
}

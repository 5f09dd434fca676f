//! Tables of places: where credentials usually are, what is private to a task, which devices are harmless.
//!
//! To hide one more place, add a line here; folders and files are told apart where they are found.

/// Places below the home folder that hold credentials, or sockets by which others act for the user.
pub(super) const HIDDEN_IN_HOME: &[&str] = &[
    // Keys and what speaks with them.
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".config/gcloud",
    ".config/gh",
    ".config/hub",
    ".config/glab-cli",
    ".config/op",
    ".config/1Password",
    ".config/doctl",
    ".config/heroku",
    ".config/configstore",
    ".config/rclone",
    ".config/sops",
    ".config/age",
    ".config/heal-tests",
    ".password-store",
    ".local/share/keyrings",
    ".kube",
    ".docker",
    ".config/containers/auth.json",
    ".terraform.d",
    ".vault-token",
    ".git-credentials",
    ".config/git/credentials",
    ".netrc",
    ".pgpass",
    ".my.cnf",
    // Package registries.
    ".npmrc",
    ".yarnrc.yml",
    ".pypirc",
    ".config/pip/pip.conf",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".gem/credentials",
    ".composer/auth.json",
    ".config/composer/auth.json",
    ".m2/settings-security.xml",
    ".nuget/NuGet/NuGet.Config",
    // Browsers: cookies and passwords.
    ".mozilla",
    ".config/google-chrome",
    ".config/chromium",
    "Library/Keychains",
    "Library/Application Support/Google/Chrome",
    "Library/Application Support/Firefox",
    "Library/Application Support/heal-tests",
    // What was typed, and what a CI runner signs in with.
    ".bash_history",
    ".zsh_history",
    ".local/share/fish/fish_history",
    "actions-runner/.credentials",
    "actions-runner/.credentials_rsaparams",
    // Sockets of container engines.
    ".colima",
    ".lima",
    ".orbstack",
    ".rd",
];

/// Places outside any home folder.
pub(super) const HIDDEN: &[&str] = &[
    "/run/secrets",
    "/var/run/secrets",
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/containerd",
    "/run/podman",
    "/run/user",
    "/run/dbus",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/kubernetes",
    "/etc/krb5.keytab",
    "/var/lib/kubelet",
    "/var/snap/lxd/common/lxd/unix.socket",
    "/var/lib/incus/unix.socket",
];

/// Variables that name a folder in which a credential lies, and the credential's path in it.
pub(super) const HIDDEN_BY_VARIABLE: &[(&str, &str)] =
    &[("CARGO_HOME", "credentials"), ("CARGO_HOME", "credentials.toml"), ("GNUPGHOME", ""), ("DOCKER_CONFIG", "")];

/// Folders of which every task has its own, empty at its start.
pub(super) const PRIVATE: &[&str] = &["/tmp", "/var/tmp"];

/// The folder of sockets and of running services' state, and what in it programs need.
pub(super) const CLEARED: &[&str] = &["/run", "/var/run"];

/// What programs need of the cleared folders: the whole system, on NixOS.
pub(super) const KEPT: &[&str] = &["/run/current-system", "/run/opengl-driver", "/run/booted-system"];

/// Variables whose folders are not kept though they may lie in a private folder: they hold sockets.
pub(super) const NOT_KEPT: &[&str] = &["TMPDIR", "TMP", "TEMP", "XDG_RUNTIME_DIR", "TMUX_TMPDIR", "HOME"];

/// Devices that may be read and written.
pub(super) const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];

/// Where terminals are made.
pub(super) const TERMINALS: &[&str] = &["/dev/ptmx", "/dev/pts"];

/// Where memory is shared by name.
pub(super) const SHARED_MEMORY: &str = "/dev/shm";

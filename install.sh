#!/bin/sh
# Installs a released binary of runner: downloads the archive for this machine, compares its SHA-256
# checksum, and puts the binary into a folder. Nothing else is changed.
#
# usage: install.sh [--version VERSION] [--to DIR] [--sha256 SUM] [--target TARGET] [--from URL]
set -eu

repository=https://github.com/OWNER/runner

usage() {
    printf '%s\n' \
        'usage: install.sh [OPTIONS]' \
        '' \
        '  --version VERSION  the release, such as 0.1.0 (default: the latest)' \
        '  --to DIR           the folder of the binary (default: ~/.local/bin)' \
        '  --sha256 SUM       the checksum of the archive, instead of that in the SHA256SUMS of the release' \
        '  --target TARGET    the platform, such as aarch64-unknown-linux-musl (default: this one)' \
        '  --from URL         the releases of a mirror, with TAG/FILE below it' \
        '  -h, --help'
}

say() { printf 'install.sh: %s\n' "$*" >&2; }

# fail CODE MESSAGE
fail() {
    code=$1
    shift
    say "error: $*"
    exit "$code"
}

has() { command -v "$1" >/dev/null 2>&1; }

# need WORDS PROGRAM…: fails unless one of the programs is there.
need() {
    words=$1
    shift
    for program in "$@"; do
        if has "$program"; then return; fi
    done
    fail 2 "$words is needed; nothing was downloaded"
}

target_of_this_machine() {
    system=$(uname -s)
    machine=$(uname -m)
    case $machine in
        x86_64 | amd64) machine=x86_64 ;;
        aarch64 | arm64) machine=aarch64 ;;
        *) fail 2 "there is no binary for \`$machine\`; build it with cargo" ;;
    esac
    case $system in
        Linux) echo "$machine-unknown-linux-musl" ;;
        Darwin) echo "$machine-apple-darwin" ;;
        # Windows on ARM runs programs for x86-64.
        MINGW* | MSYS* | CYGWIN*) echo x86_64-pc-windows-msvc ;;
        *) fail 2 "there is no binary for \`$system\`; build it with cargo" ;;
    esac
}

# download URL FILE
download() {
    # With curl nothing but HTTPS, not along a redirect either. wget takes other redirects too; the
    # checksum is what is relied on. A mirror may be named with http://.
    case $1 in
        https://*) protocols='=https' ;;
        *) protocols='=http,https' ;;
    esac
    if has curl; then
        curl --proto "$protocols" --tlsv1.2 --fail --silent --show-error --location --retry 3 \
            --output "$2" "$1"
    else
        wget -q -O "$2" "$1"
    fi || fail 5 "cannot download \`$1\`"
}

# Prints the SHA-256 checksum of a file.
checksum() {
    if has sha256sum; then
        sha256sum <"$1"
    elif has shasum; then
        shasum -a 256 <"$1"
    else
        openssl dgst -sha256 -r <"$1"
    fi | cut -d ' ' -f 1
}

# Prints the checksum of a file as SHA256SUMS has it: exactly one line for this name.
expected_checksum() {
    awk -v name="$2" '
        { sub(/\r$/, ""); file = $2; sub(/^\*/, "", file); sub(/^\.\//, "", file) }
        file == name { sum = $1; count++ }
        END { if (count != 1) exit 1; print tolower(sum) }
    ' "$1" || fail 1 "\`SHA256SUMS\` does not have one line for \`$2\`"
}

main() {
    version=latest
    folder=
    sum=
    target=
    from=$repository/releases/download
    mirror=

    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help)
                usage
                exit 0
                ;;
            --version | --to | --sha256 | --target | --from)
                if [ -z "${2-}" ]; then fail 2 "\`$1\` takes a value"; fi
                ;;
            *) fail 2 "there is no option \`$1\`; see --help" ;;
        esac
        case $1 in
            --version) version=$2 ;;
            --to) folder=$2 ;;
            --sha256) sum=$(printf %s "$2" | tr 'A-F' 'a-f') ;;
            --target) target=$2 ;;
            --from)
                from=${2%/}
                mirror=$from
                ;;
        esac
        shift 2
    done

    case $version in
        latest) ;;
        *[!0-9A-Za-z.+-]*) fail 2 "\`--version\` takes a version such as 0.1.0, got \`$version\`" ;;
        *) version=v${version#v} ;;
    esac
    if [ -n "$sum" ]; then
        case $sum in
            *[!0-9a-f]*) sum= ;;
        esac
        [ ${#sum} -eq 64 ] || fail 2 "\`--sha256\` takes 64 hexadecimal digits"
    fi
    if [ -z "$folder" ]; then
        [ -n "${HOME-}" ] || fail 2 "HOME is not set; use \`--to DIR\`"
        folder=$HOME/.local/bin
    fi
    case $folder in
        -*) folder=./$folder ;;
    esac
    [ -n "$target" ] || target=$(target_of_this_machine)

    if [ -n "$mirror" ] || [ "$version" != latest ]; then
        base=$from/$version
    else
        base=$repository/releases/latest/download
    fi
    name=runner-$target
    binary=runner
    archive=$name.tar.gz
    unpacker=tar
    case $target in
        *-windows-*)
            binary=runner.exe
            archive=$name.zip
            unpacker=unzip
            ;;
    esac

    [ ! -d "$folder/$binary" ] || fail 2 "\`$folder/$binary\` is a folder; nothing was downloaded"
    # Before the download, and not in a pipeline, where a failure ends only its own shell.
    for program in awk cat chmod cut mkdir mktemp mv rm; do need "$program" "$program"; done
    need 'curl or wget' curl wget
    need 'sha256sum, shasum or openssl' sha256sum shasum openssl
    need "$unpacker" "$unpacker"
    [ "$unpacker" != tar ] || need gzip gzip

    scratch=$(mktemp -d)
    beside=
    # The binary is written beside its place and renamed, so it is whole or the one from before.
    trap 'rm -rf "$scratch"; [ -z "$beside" ] || rm -f "$beside"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM

    say "downloading $base/$archive"
    download "$base/$archive" "$scratch/$archive"
    if [ -z "$sum" ]; then
        download "$base/SHA256SUMS" "$scratch/SHA256SUMS"
        sum=$(expected_checksum "$scratch/SHA256SUMS" "$archive")
    fi
    actual=$(checksum "$scratch/$archive")
    [ "$actual" = "$sum" ] ||
        fail 1 "\`$archive\` has the wrong checksum: expected $sum, got $actual; nothing was installed"

    case $archive in
        *.zip) unzip -q -o "$scratch/$archive" "$name/$binary" -d "$scratch" ;;
        *) tar -xzf "$scratch/$archive" -C "$scratch" "$name/$binary" ;;
    esac || fail 1 "\`$archive\` cannot be unpacked, or does not contain \`$name/$binary\`"
    if [ ! -s "$scratch/$name/$binary" ] || [ ! -f "$scratch/$name/$binary" ] || [ -L "$scratch/$name/$binary" ]; then
        fail 1 "\`$name/$binary\` in \`$archive\` is not a file, or empty"
    fi

    mkdir -p "$folder" || fail 2 "cannot create \`$folder\`"
    beside=$(mktemp "$folder/.runner.XXXXXX") || fail 2 "cannot write to \`$folder\`"
    cat "$scratch/$name/$binary" >"$beside" || fail 2 "cannot write to \`$folder\`"
    chmod 755 "$beside"
    mv -f "$beside" "$folder/$binary" || fail 2 "cannot write \`$folder/$binary\`"
    beside=
    say "installed $folder/$binary"
    case :$PATH: in
        *":$folder:"*) ;;
        *) say "note: $folder is not in PATH" ;;
    esac
}

# Last, so that a script that arrived in part does nothing.
main "$@"

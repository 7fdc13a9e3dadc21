# Stands in for nixpkgs so that our flake can be evaluated without a network: exactly the names it may use, so a misspelt one is an error.
{
  outputs = { self }: let
    lib = rec {
      genAttrs = names: f: builtins.listToAttrs (map (name: { inherit name; value = f name; }) names);
      optionalAttrs = yes: attrs: if yes then attrs else { };
      makeLibraryPath = packages: builtins.concatStringsSep ":" (map (p: "${p}/lib") packages);
    };
    for = system: let
      thing = name: derivation { inherit name system; builder = "/bin/sh"; };
    in {
      python312 = thing "python312";
      uv = thing "uv";
      ollama = thing "ollama";
      zlib = thing "zlib";
      stdenv = { isLinux = builtins.match ".*-linux" system != null; cc.cc.lib = thing "gcc-lib"; };
      mkShell = attrs: derivation (attrs // { name = "shell"; inherit system; builder = "/bin/sh"; });
    };
  in {
    inherit lib;
    legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" "aarch64-darwin" ] for;
  };
}

# `nix develop`, then `python start.py`: what the system has to give, from Nix; the packages of Python come as everywhere else (start.py).
# Pinned to a release of nixpkgs; there is no flake.lock in the repository, Nix makes one beside this file at its first use and keeps to it.
{
  description = "Pianola: a local web app whose every key an AI can press";
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs = { self, nixpkgs }: let
    inherit (nixpkgs) lib;
    systems = [ "x86_64-linux" "aarch64-linux" "aarch64-darwin" ];
  in {
    devShells = lib.genAttrs systems (system: let
      pkgs = nixpkgs.legacyPackages.${system};
      python = pkgs.python312;
    in {
      default = pkgs.mkShell ({
        packages = [ python pkgs.uv pkgs.ollama ];
        UV_PYTHON = "${python}/bin/python3.12";      # uv takes this one
        UV_PYTHON_DOWNLOADS = "never";               # and brings none of its own
      } // lib.optionalAttrs pkgs.stdenv.isLinux {
        # wheels are built for a system that has these two in its usual place
        LD_LIBRARY_PATH = lib.makeLibraryPath [ pkgs.stdenv.cc.cc.lib pkgs.zlib ];
      });
    });
  };
}

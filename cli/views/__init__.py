"""What commands show of checkpoints and results: tables, trees and plots."""
